-- What was expected and what was seen, per branch, area and period. A span counts where it lies inside the period
-- whole; what is expected is counted by days, so a month told as one number is missing from each of its weeks.
with day_periods as (

    select * from {{ ref('int_calendar__day_periods') }}

),

branch_days as (

    select * from {{ ref('int_library__branch_days') }}

),

open_days as (

    select * from {{ ref('int_library__open_days') }}

),

expected_line_days as (

    select
        branch_id,
        local_date,
        count(*) as line_count,
        {{ exact_sum("expected_minutes") }} as expected_minutes
    from {{ ref('int_doors__expected_line_days') }}
    group by branch_id, local_date

),

expected as (

    select
        branch_days.area_id,
        branch_days.branch_id,
        day_periods.period_kind,
        day_periods.period_start,
        day_periods.period_end,
        day_periods.is_whole,
        {{ exact_sum("open_days.open_minutes") }} as open_minutes,
        count(*) as day_count,
        count(open_days.open_minutes) as hours_known_day_count,
        -- where nothing is described that counts, the branch's open time was expected all the same
        {{ exact_sum("coalesce(expected_line_days.expected_minutes, open_days.open_minutes, open_days.day_minutes)") }}
            as expected_minutes,
        -- open, and nobody described what counts there
        sum(case when expected_line_days.line_count is null and coalesce(open_days.open_minutes, 1) > 0 then 1 else 0 end)
            as uncounted_day_count
    from branch_days
    inner join day_periods on branch_days.local_date = day_periods.local_date
    inner join open_days
        on
            branch_days.branch_id = open_days.branch_id
            and branch_days.local_date = open_days.local_date
    left join expected_line_days
        on
            branch_days.branch_id = expected_line_days.branch_id
            and branch_days.local_date = expected_line_days.local_date
    group by
        branch_days.area_id, branch_days.branch_id, day_periods.period_kind, day_periods.period_start,
        day_periods.period_end, day_periods.is_whole

),

spans as (

    select
        line_visits.*,
        first_day.area_id,
        day_periods.period_kind,
        day_periods.period_start
    from {{ ref('int_visits__line_visits') }} as line_visits
    inner join branch_days as first_day
        on
            line_visits.branch_id = first_day.branch_id
            and line_visits.span_start_on = first_day.local_date
    inner join branch_days as last_day
        on
            line_visits.branch_id = last_day.branch_id
            and line_visits.span_end_on = {{ dbt.dateadd('day', 1, 'last_day.local_date') }}
            and first_day.area_id = last_day.area_id
    inner join day_periods
        on
            line_visits.span_start_on = day_periods.local_date
            and line_visits.span_end_on <= day_periods.period_end

),

observed as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        {{ exact_sum("visits") }} as visits,
        {{ exact_sum("case when value_state = 'estimated_spread' then visits end") }} as sampled_visits,
        {{ exact_sum("case when calibration_factor <> 1 then visits end") }} as calibrated_visits,
        {{ exact_sum("observed_minutes") }} as observed_minutes
    from spans
    group by area_id, branch_id, period_kind, period_start

),

estimated as (

    select * from {{ ref('int_visits__uncertainty') }}
    where branch_id is not null

),

waiting as (

    select
        branch_days.area_id,
        hour_states.branch_id,
        day_periods.period_kind,
        day_periods.period_start,
        {{ exact_sum("hour_states.expected_minutes") }} as waiting_minutes
    from {{ ref('int_doors__hour_states') }} as hour_states
    inner join branch_days
        on
            hour_states.branch_id = branch_days.branch_id
            and hour_states.local_date = branch_days.local_date
    inner join day_periods on hour_states.local_date = day_periods.local_date
    where hour_states.value_state = 'not_yet_received'
    group by branch_days.area_id, hour_states.branch_id, day_periods.period_kind, day_periods.period_start

),

sample_years as (

    select * from {{ ref('int_visits__sample_years') }}

),

final as (

    select
        expected.area_id,
        expected.branch_id,
        expected.period_kind,
        expected.period_start,
        expected.period_end,
        expected.is_whole,
        expected.day_count,
        case when expected.hours_known_day_count = expected.day_count then expected.open_minutes end as open_minutes,
        coalesce(expected.expected_minutes, 0) as expected_minutes,
        coalesce(observed.observed_minutes, 0)
        + case when sample_years.expanded_visits is not null then sample_years.counted_minutes else 0 end as observed_minutes,
        observed.visits as observed_visits,
        coalesce(observed.sampled_visits, 0) as sampled_visits,
        coalesce(observed.calibrated_visits, 0) as calibrated_visits,
        coalesce(estimated.estimated_minutes, 0) as estimated_minutes,
        estimated.estimated_visits,
        estimated.standard_error,
        estimated.lean_visits,
        coalesce(waiting.waiting_minutes, 0) as waiting_minutes,
        expected.uncounted_day_count,
        sample_years.expanded_visits,
        case when sample_years.expanded_visits is not null then sample_years.counted_visits end as sample_week_visits,
        sample_years.note as sample_note,
        case
            when sample_years.expanded_visits is not null then 'sampled'
            when expected.uncounted_day_count > 0 then 'no_counter'
            when coalesce(expected.expected_minutes, 0) = 0 and coalesce(observed.visits, 0) = 0 then 'closed'
            when coalesce(observed.observed_minutes, 0) >= coalesce(expected.expected_minutes, 0) - 0.001 then 'complete'
            when
                coalesce(observed.observed_minutes, 0) + coalesce(estimated.estimated_minutes, 0)
                >= coalesce(expected.expected_minutes, 0) - 0.001
                then 'estimated'
            when coalesce(waiting.waiting_minutes, 0) > 0 then 'waiting'
            else 'incomplete'
        end as completeness
    from expected
    left join observed
        on
            expected.area_id = observed.area_id
            and expected.branch_id = observed.branch_id
            and expected.period_kind = observed.period_kind
            and expected.period_start = observed.period_start
    left join estimated
        on
            expected.area_id = estimated.area_id
            and expected.branch_id = estimated.branch_id
            and expected.period_kind = estimated.period_kind
            and expected.period_start = estimated.period_start
    left join waiting
        on
            expected.area_id = waiting.area_id
            and expected.branch_id = waiting.branch_id
            and expected.period_kind = waiting.period_kind
            and expected.period_start = waiting.period_start
    left join sample_years
        on
            expected.area_id = sample_years.area_id
            and expected.branch_id = sample_years.branch_id
            and expected.period_kind = 'year'
            and extract(year from expected.period_start) = sample_years.year

)

select * from final
