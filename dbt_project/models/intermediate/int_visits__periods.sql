-- Branches and their area in one shape. An area is told when every branch is; one part that nothing can be said of makes
-- the total unknown, because a sum without it would read as a fall.
with branch_periods as (

    select * from {{ ref('int_visits__branch_periods') }}

),

uncertainty as (

    select * from {{ ref('int_visits__uncertainty') }}
    where branch_id is null

),

area_sums as (

    select
        area_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        case when count(open_minutes) = count(*) then {{ exact_sum("open_minutes") }} end as open_minutes,
        {{ exact_sum("expected_minutes") }} as expected_minutes,
        {{ exact_sum("observed_minutes") }} as observed_minutes,
        {{ exact_sum("observed_visits") }} as observed_visits,
        {{ exact_sum("sampled_visits") }} as sampled_visits,
        {{ exact_sum("calibrated_visits") }} as calibrated_visits,
        {{ exact_sum("estimated_visits") }} as estimated_visits,
        {{ exact_sum("expanded_visits") }} as expanded_visits,
        {{ exact_sum("sample_week_visits") }} as sample_week_visits,
        count(*) as branch_count,
        sum(case when completeness in ('complete', 'closed') then 1 else 0 end) as complete_branch_count,
        sum(case when completeness = 'no_counter' then 1 else 0 end) as no_counter_count,
        sum(case when completeness = 'waiting' then 1 else 0 end) as waiting_count,
        sum(case when completeness = 'incomplete' then 1 else 0 end) as incomplete_count,
        sum(case when completeness = 'sampled' then 1 else 0 end) as sampled_count,
        sum(case when completeness = 'estimated' then 1 else 0 end) as estimated_count,
        sum(case when completeness = 'complete' then 1 else 0 end) as complete_count
    from branch_periods
    group by area_id, period_kind, period_start, period_end, is_whole

),

final as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        open_minutes,
        expected_minutes,
        observed_minutes,
        observed_visits,
        sampled_visits,
        calibrated_visits,
        estimated_visits,
        expanded_visits,
        sample_week_visits,
        sample_note,
        standard_error,
        lean_visits,
        1 as branch_count,
        case when completeness in ('complete', 'closed') then 1 else 0 end as complete_branch_count,
        completeness
    from branch_periods

    union all

    select
        area_sums.area_id,
        cast(null as {{ dbt.type_string() }}) as branch_id,
        area_sums.period_kind,
        area_sums.period_start,
        area_sums.period_end,
        area_sums.is_whole,
        area_sums.open_minutes,
        area_sums.expected_minutes,
        area_sums.observed_minutes,
        area_sums.observed_visits,
        area_sums.sampled_visits,
        area_sums.calibrated_visits,
        area_sums.estimated_visits,
        area_sums.expanded_visits,
        area_sums.sample_week_visits,
        cast(null as {{ dbt.type_string() }}) as sample_note,
        uncertainty.standard_error,
        uncertainty.lean_visits,
        area_sums.branch_count,
        area_sums.complete_branch_count,
        case
            when area_sums.no_counter_count > 0 then 'no_counter'
            when area_sums.waiting_count > 0 then 'waiting'
            when area_sums.incomplete_count > 0 then 'incomplete'
            when area_sums.sampled_count > 0 then 'sampled'
            when area_sums.estimated_count > 0 then 'estimated'
            when area_sums.complete_count > 0 then 'complete'
            else 'closed'
        end as completeness
    from area_sums
    left join uncertainty
        on
            area_sums.area_id = uncertainty.area_id
            and area_sums.period_kind = uncertainty.period_kind
            and area_sums.period_start = uncertainty.period_start

)

select * from final
