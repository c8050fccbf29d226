-- When a branch is open, from the start of reporting to some weeks ahead: what silence is measured against, and when the
-- next telling is due. Where no opening hours are described, the whole day counts.
with settings as (

    select * from {{ ref('stg_library__settings') }}

),

horizon as (

    select * from {{ ref('int_calendar__horizon') }}

),

ahead as (

    select
        greatest(horizon.horizon_on, horizon.start_on) as first_on,
        cast({{ to_local(as_of(), 'horizon.zone') }} as date) as today_on,
        cast({{ dbt.dateadd('day', -1, 'settings.end_on') }} as date) as last_reported_on
    from horizon
    cross join settings

),

coming_bounds as (

    select
        first_on,
        least(
            cast({{ dbt.dateadd('day', var('watched_days_ahead'), 'today_on') }} as date),
            coalesce(last_reported_on, cast({{ dbt.dateadd('day', var('watched_days_ahead'), 'today_on') }} as date))
        ) as last_on
    from ahead

),

coming_spans as (

    select
        first_on,
        last_on
    from coming_bounds
    where first_on <= last_on

),

coming_days as (

    {{ day_series('coming_spans', 'first_on', 'last_on') }}

),

coming_branch_days as (

    {{ branch_days_of('coming_days') }}

),

coming_day_rules as (

    {{ day_rules_of('coming_branch_days') }}

),

coming_intervals as (

    {{ open_intervals_of('coming_day_rules') }}

),

day_rules as (

    select
        branch_id,
        local_date,
        day_start_at,
        day_end_at,
        is_hours_known
    from {{ ref('int_library__day_rules') }}

    union all

    select
        branch_id,
        local_date,
        day_start_at,
        day_end_at,
        is_hours_known
    from coming_day_rules

),

final as (

    select
        branch_id,
        local_date,
        opens_at,
        closes_at
    from {{ ref('int_library__open_intervals') }}

    union all

    select
        branch_id,
        local_date,
        opens_at,
        closes_at
    from coming_intervals

    union all

    select
        branch_id,
        local_date,
        day_start_at as opens_at,
        day_end_at as closes_at
    from day_rules
    where not is_hours_known

)

select * from final
