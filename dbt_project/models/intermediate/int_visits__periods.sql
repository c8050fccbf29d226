-- Branches and their area in one shape. An area is complete when every branch is complete or closed; one missing
-- part makes the total unknown, because a sum without it would read as a fall.
with branch_periods as (

    select * from {{ ref('int_visits__branch_periods') }}

),

area_periods as (

    select
        area_id,
        cast(null as {{ dbt.type_string() }}) as branch_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        case when count(open_minutes) = count(*) then sum(open_minutes) end as open_minutes,
        sum(expected_minutes) as expected_minutes,
        sum(observed_minutes) as observed_minutes,
        sum(visits) as visits,
        count(*) as branch_count,
        sum(case when completeness in ('complete', 'closed') then 1 else 0 end) as complete_branch_count,
        case
            when sum(case when completeness = 'no_counter' then 1 else 0 end) > 0 then 'no_counter'
            when sum(case when completeness = 'incomplete' then 1 else 0 end) > 0 then 'incomplete'
            when sum(case when completeness = 'complete' then 1 else 0 end) > 0 then 'complete'
            else 'closed'
        end as completeness
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
        visits,
        1 as branch_count,
        case when completeness in ('complete', 'closed') then 1 else 0 end as complete_branch_count,
        completeness
    from branch_periods

    union all

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
        visits,
        branch_count,
        complete_branch_count,
        completeness
    from area_periods

)

select * from final
