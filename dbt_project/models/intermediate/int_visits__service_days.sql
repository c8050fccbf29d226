-- Visits by service. An hour in which staff left or came is shared out by its open minutes; people counted outside all
-- opening hours of a branch that has unstaffed ones let themselves in. A branch without unstaffed hours is staffed
-- whenever it is open. A total told for a day or longer can't be split where both services were open.
with hour_states as (

    select * from {{ ref('int_doors__hour_states') }}

),

open_days as (

    select * from {{ ref('int_library__open_days') }}

),

unstaffed_days as (

    select distinct
        open_days.branch_id,
        open_days.local_date
    from open_days
    inner join {{ ref('stg_library__opening_hours') }} as hours
        on
            open_days.branch_id = hours.branch_id
            and hours.service = 'unstaffed'
            and {{ valid_on('hours', 'open_days.local_date') }}

),

-- Only where both services exist must hours be looked at.
staffed_shares as (

    select
        hour_states.line_id,
        hour_states.hour_start_at,
        sum({{ minutes_between(
            'greatest(hour_states.hour_start_at, intervals.opens_at)',
            'least(' ~ plus_minutes('hour_states.hour_start_at', '60') ~ ', intervals.closes_at)'
        ) }}) / min(hour_states.expected_minutes) as staffed_share
    from hour_states
    inner join unstaffed_days
        on
            hour_states.branch_id = unstaffed_days.branch_id
            and hour_states.local_date = unstaffed_days.local_date
    inner join {{ ref('int_library__open_intervals') }} as intervals
        on
            hour_states.branch_id = intervals.branch_id
            and hour_states.local_date = intervals.local_date
            and intervals.service = 'staffed'
            and hour_states.hour_start_at < intervals.closes_at
            and {{ plus_minutes('hour_states.hour_start_at', '60') }} > intervals.opens_at
    group by hour_states.line_id, hour_states.hour_start_at

),

expected as (

    select
        expected.line_id,
        expected.branch_id,
        expected.rule,
        expected.local_date,
        expected.is_hours_known,
        unstaffed_days.branch_id is not null as has_unstaffed
    from {{ ref('int_doors__expected_line_days') }} as expected
    left join unstaffed_days
        on
            expected.branch_id = unstaffed_days.branch_id
            and expected.local_date = unstaffed_days.local_date

),

spans as (

    select * from {{ ref('int_visits__line_visits') }}
    where visits is not null

),

span_days as (

    select
        spans.line_id,
        spans.span_start_on,
        spans.span_end_on,
        max(case when expected.has_unstaffed then 1 else 0 end) as has_unstaffed,
        min(case when expected.is_hours_known then 1 else 0 end) as is_hours_known
    from spans
    inner join expected
        on
            spans.line_id = expected.line_id
            and expected.local_date >= spans.span_start_on
            and expected.local_date < spans.span_end_on
    group by spans.line_id, spans.span_start_on, spans.span_end_on

),

counted_hours as (

    select
        line_hours.line_id,
        line_hours.local_date,
        sum(
            {{ visits_by_rule('expected.rule', 'line_hours.in_count', 'line_hours.out_count', 'line_hours.undirected_count') }}
            * coalesce(staffed_shares.staffed_share, 0)
            * coalesce(line_factors.calibration_factor, 1)
        ) as staffed_visits
    from {{ ref('int_doors__line_hours') }} as line_hours
    inner join expected
        on
            line_hours.line_id = expected.line_id
            and line_hours.local_date = expected.local_date
            and expected.has_unstaffed
    left join hour_states
        on
            line_hours.line_id = hour_states.line_id
            and line_hours.hour_start_at = hour_states.hour_start_at
    left join staffed_shares
        on
            line_hours.line_id = staffed_shares.line_id
            and line_hours.hour_start_at = staffed_shares.hour_start_at
    left join {{ ref('int_doors__line_factors') }} as line_factors
        on
            line_hours.line_id = line_factors.line_id
            and line_hours.local_date = line_factors.local_date
    where coalesce(hour_states.value_state, 'closed') not in ('dead', 'spike', 'left_out')
    group by line_hours.line_id, line_hours.local_date

),

observed as (

    select
        spans.line_id,
        spans.branch_id,
        spans.span_start_on,
        spans.span_end_on,
        spans.visits as observed_visits,
        case
            when span_days.has_unstaffed = 0 then spans.visits
            else counted_hours.staffed_visits
        end as observed_staffed_visits,
        span_days.is_hours_known = 1 and (span_days.has_unstaffed = 0 or counted_hours.line_id is not null)
            as is_service_known
    from spans
    inner join span_days
        on
            spans.line_id = span_days.line_id
            and spans.span_start_on = span_days.span_start_on
            and spans.span_end_on = span_days.span_end_on
    left join counted_hours
        on
            spans.line_id = counted_hours.line_id
            and spans.span_start_on = counted_hours.local_date
            and spans.span_end_on = {{ dbt.dateadd('day', 1, 'spans.span_start_on') }}

),

estimated as (

    select
        estimates.line_id,
        estimates.branch_id,
        estimates.span_start_on,
        estimates.span_end_on,
        sum(estimates.estimated_visits) as estimated_visits,
        sum(
            estimates.estimated_visits
            * case when coalesce(expected.has_unstaffed, false) then coalesce(staffed_shares.staffed_share, 0) else 1 end
        ) as estimated_staffed_visits,
        min(
            case
                when not coalesce(expected.is_hours_known, false) then 0
                when expected.has_unstaffed and estimates.grain != 'hour' then 0
                else 1
            end
        ) = 1 as is_service_known
    from {{ ref('int_visits__estimates') }} as estimates
    left join expected
        on
            estimates.line_id = expected.line_id
            and estimates.span_start_on = expected.local_date
    left join staffed_shares
        on
            estimates.line_id = staffed_shares.line_id
            and estimates.cell_start_at = staffed_shares.hour_start_at
            and estimates.grain = 'hour'
    group by estimates.line_id, estimates.branch_id, estimates.span_start_on, estimates.span_end_on

),

final as (

    select
        line_id,
        branch_id,
        span_start_on,
        span_end_on,
        observed_visits,
        observed_staffed_visits,
        cast(0 as double precision) as estimated_visits,
        cast(0 as double precision) as estimated_staffed_visits,
        is_service_known
    from observed

    union all

    select
        line_id,
        branch_id,
        span_start_on,
        span_end_on,
        cast(0 as double precision) as observed_visits,
        cast(0 as double precision) as observed_staffed_visits,
        estimated_visits,
        estimated_staffed_visits,
        is_service_known
    from estimated

)

select * from final
