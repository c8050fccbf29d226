-- When each year was closed: on the day that somebody described, else 30 days after it ended, when its figures are no
-- longer provisional (see kpi/figures). What is told on that date or later comes after the closing.
with years as (

    select distinct
        period_start,
        period_end,
        cast(extract(year from period_start) as int) as closed_year
    from {{ ref('int_calendar__day_periods') }}
    where period_kind = 'year'

),

described as (

    select * from {{ ref('stg_library__year_closings') }}

),

closings as (

    select
        years.closed_year,
        years.period_start,
        years.period_end,
        coalesce(
            described.closed_on, cast({{ dbt.dateadd('day', 30, 'years.period_end') }} as date)
        ) as closed_on,
        case when described.closed_on is not null then 'described' else 'after_30_days' end as closing_rule
    from years
    left join described on years.closed_year = described.closed_year

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

final as (

    select
        closings.closed_year,
        closings.period_start,
        closings.period_end,
        closings.closed_on,
        closings.closing_rule
    from closings
    cross join settings
    where closings.closed_on <= cast({{ to_local(as_of(), 'settings.zone') }} as date)

)

select * from final
