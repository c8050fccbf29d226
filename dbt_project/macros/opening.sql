{#- From days to the stretches in which a branch is open. Macros, because days that are over make figures and days to
    come say when a door is expected next; both must follow the same rules. Each takes the relation or CTE before it. -#}

{#- Branches x days of their validity. -#}
{% macro branch_days_of(days) %}
with days as (

    select * from {{ days }}

),

branches as (

    select * from {{ ref('stg_library__branches') }}

),

memberships as (

    select * from {{ ref('stg_library__branch_areas') }}

),

hours as (

    select distinct
        branch_id,
        valid_from,
        valid_to
    from {{ ref('stg_library__opening_hours') }}

),

hours_known as (

    select distinct
        hours.branch_id,
        days.local_date
    from hours
    inner join days on {{ valid_on('hours', 'days.local_date') }}

),

day_cuts as (

    select * from {{ ref('stg_library__day_cuts') }}

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

final as (

    select
        branches.branch_id,
        memberships.area_id,
        days.local_date,
        hours_known.branch_id is not null as is_hours_known,
        {{ day_start('days.local_date', 'settings.zone', 'cuts.cut_minute') }} as day_start_at,
        {{ day_start(dbt.dateadd('day', 1, 'days.local_date'), 'settings.zone', 'next_cuts.cut_minute') }} as day_end_at
    from branches
    inner join days on {{ valid_on('branches', 'days.local_date') }}
    inner join memberships
        on
            branches.branch_id = memberships.branch_id
            and {{ valid_on('memberships', 'days.local_date') }}
    left join hours_known
        on
            branches.branch_id = hours_known.branch_id
            and days.local_date = hours_known.local_date
    cross join settings
    left join day_cuts as cuts
        on
            branches.branch_id = cuts.branch_id
            and {{ valid_on('cuts', 'days.local_date') }}
    left join day_cuts as next_cuts
        on
            branches.branch_id = next_cuts.branch_id
            and {{ valid_on('next_cuts', dbt.dateadd('day', 1, 'days.local_date')) }}

)

select * from final
{% endmacro %}

{#- Which rule decides a branch's day: an exception (the last one described wins), else a public holiday, else the
    regular hours. Local wall clock, before any conversion. -#}
{% macro day_rules_of(ruled_days) %}
with branch_days as (

    select * from {{ ruled_days }}

),

exceptions as (

    select * from {{ ref('stg_library__opening_exceptions') }}

),

holidays as (

    select * from {{ ref('stg_library__holidays') }}

),

ranked as (

    select
        branch_days.branch_id,
        branch_days.local_date,
        exceptions.kind,
        exceptions.opens_minute,
        exceptions.closes_minute,
        exceptions.reason,
        row_number() over (
            partition by branch_days.branch_id, branch_days.local_date
            order by exceptions.exception_number desc
        ) as exception_rank
    from branch_days
    inner join exceptions
        on
            branch_days.branch_id = exceptions.branch_id
            and branch_days.local_date between exceptions.first_on and exceptions.last_on

),

final as (

    select
        branch_days.branch_id,
        branch_days.local_date,
        branch_days.day_start_at,
        branch_days.day_end_at,
        branch_days.is_hours_known,
        case
            when ranked.kind is not null then ranked.kind
            when holidays.holiday_on is not null then 'holiday'
            else 'regular'
        end as day_rule,
        ranked.opens_minute,
        ranked.closes_minute,
        coalesce(ranked.reason, holidays.holiday_name) as reason
    from branch_days
    left join ranked
        on
            branch_days.branch_id = ranked.branch_id
            and branch_days.local_date = ranked.local_date
            and ranked.exception_rank = 1
    left join holidays on branch_days.local_date = holidays.holiday_on

)

select * from final
{% endmacro %}

{#- Open stretches, UTC. -#}
{% macro open_intervals_of(ruled_days) %}
with day_rules as (

    select * from {{ ruled_days }}

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
        day_rules.day_start_at,
        day_rules.day_end_at,
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
        day_start_at,
        day_end_at,
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
        day_rules.day_start_at,
        day_rules.day_end_at,
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

-- No stretch reaches over the end of its day: on the date from which a day is cut earlier, the night is the next day's.
final as (

    select
        wall_clock.branch_id,
        wall_clock.local_date,
        wall_clock.service,
        greatest(
            {{ to_utc(plus_minutes('cast(wall_clock.local_date as timestamp)', 'wall_clock.opens_minute'), 'settings.zone') }},
            wall_clock.day_start_at
        ) as opens_at,
        least(
            {{ to_utc(plus_minutes('cast(wall_clock.local_date as timestamp)', 'wall_clock.closes_minute'), 'settings.zone') }},
            wall_clock.day_end_at
        ) as closes_at
    from wall_clock
    cross join settings

)

select * from final
{% endmacro %}
