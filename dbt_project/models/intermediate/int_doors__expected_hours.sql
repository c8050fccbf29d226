-- The grid that silence is measured against, by the hour: perimeter lines that tell hours x the hours in which their
-- branch is open. Where no opening hours are described, every hour is expected.
with hourly_lines as (

    select distinct line_id from {{ ref('int_doors__line_hours') }}

),

lines as (

    select
        line_id,
        source_id
    from {{ ref('stg_library__lines') }}

),

line_days as (

    select
        expected.line_id,
        expected.branch_id,
        lines.source_id,
        expected.rule,
        expected.local_date,
        expected.is_hours_known,
        day_rules.day_rule,
        day_rules.day_start_at,
        day_rules.day_end_at,
        segments.segment_number
    from {{ ref('int_doors__expected_line_days') }} as expected
    inner join hourly_lines on expected.line_id = hourly_lines.line_id
    inner join lines on expected.line_id = lines.line_id
    inner join {{ ref('int_library__day_rules') }} as day_rules
        on
            expected.branch_id = day_rules.branch_id
            and expected.local_date = day_rules.local_date
    inner join {{ ref('int_library__segments') }} as segments
        on
            expected.branch_id = segments.branch_id
            and expected.local_date = segments.local_date
    where expected.expected_minutes > 0

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

branch_dates as (

    select distinct
        branch_id,
        local_date,
        is_hours_known,
        day_start_at,
        day_end_at
    from line_days

),

clock as (

    {%- for hour in range(37) %}
        select {{ hour }} as hour_number {{ 'union all' if not loop.last }}
    {%- endfor %}

),

-- A local day has 23, 24 or 25 hours, so its hours are laid out in UTC; the one that ends with a later cut has more.
day_hours as (

    select
        branch_dates.branch_id,
        branch_dates.local_date,
        branch_dates.is_hours_known,
        {{ plus_minutes('branch_dates.day_start_at', 'clock.hour_number * 60') }} as hour_start_at,
        branch_dates.day_end_at,
        settings.zone
    from branch_dates
    cross join clock
    cross join settings

),

open_hours as (

    select
        day_hours.branch_id,
        day_hours.local_date,
        day_hours.hour_start_at,
        day_hours.zone,
        cast(sum({{ minutes_between(
            'greatest(day_hours.hour_start_at, intervals.opens_at)',
            'least(' ~ plus_minutes('day_hours.hour_start_at', '60') ~ ', intervals.closes_at)'
        ) }}) as double precision) as expected_minutes
    from day_hours
    inner join {{ ref('int_library__open_intervals') }} as intervals
        on
            day_hours.branch_id = intervals.branch_id
            and day_hours.local_date = intervals.local_date
            and day_hours.hour_start_at < intervals.closes_at
            and {{ plus_minutes('day_hours.hour_start_at', '60') }} > intervals.opens_at
    where day_hours.hour_start_at < day_hours.day_end_at
    group by day_hours.branch_id, day_hours.local_date, day_hours.hour_start_at, day_hours.zone

    union all

    select
        branch_id,
        local_date,
        hour_start_at,
        zone,
        cast(60 as double precision) as expected_minutes
    from day_hours
    where not is_hours_known and hour_start_at < day_end_at

),

final as (

    select
        line_days.line_id,
        line_days.branch_id,
        line_days.source_id,
        line_days.rule,
        line_days.segment_number,
        open_hours.hour_start_at,
        open_hours.local_date,
        cast(extract(hour from {{ to_local('open_hours.hour_start_at', 'open_hours.zone') }}) as int) as local_hour,
        {{ isodow('open_hours.local_date') }} as weekday,
        open_hours.expected_minutes,
        -- holidays and special hours are expected like any day, and teach nothing about ordinary ones
        line_days.day_rule = 'regular' as is_ordinary
    from line_days
    inner join open_hours
        on
            line_days.branch_id = open_hours.branch_id
            and line_days.local_date = open_hours.local_date

)

select * from final
