with day_rules as (

    select * from {{ ref('int_library__day_rules') }}

),

hours as (

    select * from {{ ref('stg_library__opening_hours') }}

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

regular as (

    select
        day_rules.branch_id,
        day_rules.local_date,
        day_rules.day_rule,
        hours.opens_minute,
        hours.closes_minute,
        hours.service
    from day_rules
    inner join hours
        on
            day_rules.branch_id = hours.branch_id
            and hours.weekday = {{ isodow('day_rules.local_date') }}
            and {{ valid_on('hours', 'day_rules.local_date') }}

),

has_hours as (

    select distinct
        branch_id,
        local_date
    from regular

),

wall_clock as (

    select
        branch_id,
        local_date,
        opens_minute,
        closes_minute,
        service
    from regular
    where day_rule = 'regular'

    union all

    -- reduced hours shorten a day that has hours; only `open` opens one that has none
    select
        day_rules.branch_id,
        day_rules.local_date,
        day_rules.opens_minute,
        day_rules.closes_minute,
        'staffed' as service
    from day_rules
    left join has_hours
        on
            day_rules.branch_id = has_hours.branch_id
            and day_rules.local_date = has_hours.local_date
    where
        day_rules.day_rule = 'open'
        or (day_rules.day_rule = 'reduced' and has_hours.branch_id is not null)

),

final as (

    select
        wall_clock.branch_id,
        wall_clock.local_date,
        wall_clock.service,
        {{ to_utc(plus_minutes('cast(wall_clock.local_date as timestamp)', 'wall_clock.opens_minute'), 'settings.zone') }}
            as opens_at,
        {{ to_utc(plus_minutes('cast(wall_clock.local_date as timestamp)', 'wall_clock.closes_minute'), 'settings.zone') }}
            as closes_at
    from wall_clock
    cross join settings

)

select * from final
