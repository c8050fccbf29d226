-- The zeros that a line is telling right now, beside the people that they leave out: those of closed days as
-- int_doors__hour_states judged them, and today's hours after them by the same rates. A busy door that dies this morning
-- should not have to wait for the night.
with horizon as (

    select * from {{ ref('int_calendar__horizon') }}

),

lines as (

    select * from {{ ref('stg_library__lines') }}
    where role = 'perimeter'

),

decisions as (

    select * from {{ ref('stg_library__count_decisions') }}

),

hour_states as (

    select
        *,
        row_number() over (partition by line_id order by hour_start_at desc) as hours_back,
        row_number() over (partition by line_id, clock_slot order by hour_start_at desc) as weeks_back
    from {{ ref('int_doors__hour_states') }}
    where usual_visits_per_minute is not null

),

closed_days as (

    select
        line_id,
        max(case when told_visits > 0 then hour_start_at end) as last_people_at,
        max(case when hours_back = 1 then zero_since_at end) as zero_since_at,
        max(case when hours_back = 1 then zero_hour_count end) as zero_hour_count,
        max(case when hours_back = 1 then zero_expected_visits end) as left_out_visits
    from hour_states
    group by line_id

),

told_today as (

    select
        line_hours.line_id,
        line_hours.hour_start_at,
        line_hours.local_date,
        cast({{ isodow('line_hours.local_date') }} as {{ dbt.type_string() }})
        || '-' || cast(line_hours.local_hour as {{ dbt.type_string() }}) as clock_slot,
        {{ visits_by_rule('lines.rule', 'line_hours.in_count', 'line_hours.out_count', 'line_hours.undirected_count') }}
            as told_visits,
        sum({{ minutes_between(
            'greatest(line_hours.hour_start_at, intervals.opens_at)',
            'least(' ~ plus_minutes('line_hours.hour_start_at', '60') ~ ', intervals.closes_at)'
        ) }}) * least(line_hours.observed_minutes, 60) / 60 as told_minutes
    from {{ ref('int_doors__line_hours') }} as line_hours
    inner join lines on line_hours.line_id = lines.line_id
    cross join horizon
    inner join {{ ref('int_library__watched_intervals') }} as intervals
        on
            line_hours.branch_id = intervals.branch_id
            and line_hours.local_date = intervals.local_date
            and line_hours.hour_start_at < intervals.closes_at
            and {{ plus_minutes('line_hours.hour_start_at', '60') }} > intervals.opens_at
    where line_hours.local_date >= horizon.horizon_on and line_hours.hour_start_at < {{ as_of() }}
    group by
        line_hours.line_id, line_hours.hour_start_at, line_hours.local_date, line_hours.local_hour, lines.rule,
        line_hours.in_count, line_hours.out_count, line_hours.undirected_count, line_hours.observed_minutes

),

today as (

    select
        told_today.line_id,
        told_today.hour_start_at,
        told_today.told_visits,
        coalesce(hour_states.usual_visits_per_minute, 0) * told_today.told_minutes as expected_visits
    from told_today
    left join hour_states
        on
            told_today.line_id = hour_states.line_id
            and told_today.clock_slot = hour_states.clock_slot
            and hour_states.weeks_back = 1
    left join decisions
        on
            told_today.line_id = decisions.line_id
            and told_today.local_date between decisions.first_on and decisions.last_on
    -- a person has looked at these
    where decisions.line_id is null

),

line_todays as (

    select
        line_id,
        sum(told_visits) as visits,
        sum(expected_visits) as expected_visits,
        max(case when told_visits > 0 then hour_start_at end) as last_people_at
    from today
    group by line_id

),

all_doors as (

    select
        sum(visits) as visits,
        sum(expected_visits) as expected_visits
    from line_todays

),

-- Nobody comes to any door on a day of heavy snow: the others' day weighs what was expected here.
zeros as (

    select
        today.line_id,
        min(today.hour_start_at) as zero_since_at,
        count(*) as zero_hour_count,
        sum(
            today.expected_visits * case
                when all_doors.expected_visits - line_todays.expected_visits >= 30
                    then least(
                        1.0,
                        (all_doors.visits - line_todays.visits) / (all_doors.expected_visits - line_todays.expected_visits)
                    )
                else 1.0
            end
        ) as left_out_visits
    from today
    inner join line_todays on today.line_id = line_todays.line_id
    cross join all_doors
    where
        today.told_visits = 0
        and (line_todays.last_people_at is null or today.hour_start_at > line_todays.last_people_at)
    group by today.line_id

),

told_lines as (

    select line_id from closed_days
    union
    select line_id from line_todays

),

-- the zeros of closed days go on as long as nobody came today
joined as (

    select
        told_lines.line_id,
        coalesce(line_todays.last_people_at, closed_days.last_people_at) as last_people_at,
        case
            when line_todays.last_people_at is null
                then coalesce(closed_days.zero_since_at, zeros.zero_since_at)
            else zeros.zero_since_at
        end as zero_since_at,
        case when line_todays.last_people_at is null then coalesce(closed_days.zero_hour_count, 0) else 0 end
        + coalesce(zeros.zero_hour_count, 0) as zero_hour_count,
        case when line_todays.last_people_at is null then coalesce(closed_days.left_out_visits, 0) else 0 end
        + coalesce(zeros.left_out_visits, 0) as left_out_visits,
        zeros.line_id is not null as goes_on_today
    from told_lines
    left join closed_days on told_lines.line_id = closed_days.line_id
    left join line_todays on told_lines.line_id = line_todays.line_id
    left join zeros on told_lines.line_id = zeros.line_id

),

final as (

    select
        line_id,
        last_people_at,
        zero_since_at,
        cast(zero_hour_count as bigint) as zero_hour_count,
        cast(left_out_visits as double precision) as left_out_visits,
        goes_on_today and left_out_visits >= {{ var('dead_zero_expected_visits') }} as is_dead_today
    from joined

)

select * from final
