-- The zeros that a line is telling right now, today's hours included, beside the people that they leave out. Closed days
-- are judged in int_doors__hour_states; a busy door that dies this morning should not have to wait for the night.
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

slot_rates as (

    select
        hour_states.line_id,
        hour_states.clock_slot,
        sum(hour_states.visits) / sum(hour_states.observed_minutes) as visits_per_minute
    from {{ ref('int_doors__hour_states') }} as hour_states
    cross join horizon
    where
        hour_states.is_comparable
        and hour_states.observed_minutes > 0
        and hour_states.local_date >= cast({{ dbt.dateadd('day', -84, 'horizon.horizon_on') }} as date)
    group by hour_states.line_id, hour_states.clock_slot

),

closed_days as (

    select
        hour_states.line_id,
        hour_states.hour_start_at,
        hour_states.local_date,
        hour_states.clock_slot,
        hour_states.told_visits,
        hour_states.expected_minutes as told_minutes,
        false as is_today
    from {{ ref('int_doors__hour_states') }} as hour_states
    cross join horizon
    where
        hour_states.value_state in ('observed', 'observed_zero', 'partial', 'dead')
        and hour_states.local_date >= cast({{ dbt.dateadd('day', -14, 'horizon.horizon_on') }} as date)

),

today as (

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
        ) }}) * least(line_hours.observed_minutes, 60) / 60 as told_minutes,
        true as is_today
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

told as (

    select * from closed_days
    union all
    select * from today

),

judged as (

    select
        told.*,
        coalesce(slot_rates.visits_per_minute, 0) * told.told_minutes as expected_visits
    from told
    left join slot_rates
        on
            told.line_id = slot_rates.line_id
            and told.clock_slot = slot_rates.clock_slot
    left join decisions
        on
            told.line_id = decisions.line_id
            and told.local_date between decisions.first_on and decisions.last_on
    -- a person has looked at these
    where decisions.line_id is null

),

line_days as (

    select
        line_id,
        local_date,
        sum(told_visits) as visits,
        sum(expected_visits) as expected_visits
    from judged
    group by line_id, local_date

),

days as (

    select
        local_date,
        sum(visits) as visits,
        sum(expected_visits) as expected_visits
    from line_days
    group by local_date

),

last_people as (

    select
        line_id,
        max(case when told_visits > 0 then hour_start_at end) as last_people_at
    from judged
    group by line_id

),

-- Nobody comes to any door on a day of heavy snow: the others' day weighs what was expected here.
zeros as (

    select
        judged.line_id,
        judged.hour_start_at,
        judged.is_today,
        judged.expected_visits * case
            when days.expected_visits - line_days.expected_visits >= 30
                then least(
                    1.0,
                    (days.visits - line_days.visits) / (days.expected_visits - line_days.expected_visits)
                )
            else 1.0
        end as expected_visits
    from judged
    inner join last_people on judged.line_id = last_people.line_id
    inner join line_days
        on
            judged.line_id = line_days.line_id
            and judged.local_date = line_days.local_date
    inner join days on judged.local_date = days.local_date
    where
        judged.told_visits = 0
        and (last_people.last_people_at is null or judged.hour_start_at > last_people.last_people_at)

),

runs as (

    select
        line_id,
        min(hour_start_at) as zero_since_at,
        count(*) as zero_hour_count,
        sum(expected_visits) as left_out_visits,
        max(case when is_today then 1 else 0 end) as goes_on_today
    from zeros
    group by line_id

),

final as (

    select
        last_people.line_id,
        last_people.last_people_at,
        runs.zero_since_at,
        cast(coalesce(runs.zero_hour_count, 0) as bigint) as zero_hour_count,
        cast(coalesce(runs.left_out_visits, 0) as double precision) as left_out_visits,
        coalesce(runs.goes_on_today = 1 and runs.left_out_visits >= {{ var('dead_zero_expected_visits') }}, false)
            as is_dead_today
    from last_people
    left join runs on last_people.line_id = runs.line_id

)

select * from final
