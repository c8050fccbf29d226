-- A period that began before reporting did, or that has not ended, is not whole: it gets a row and no value.
with days as (

    select * from {{ ref('int_calendar__days') }}

),

horizon as (

    select * from {{ ref('int_calendar__horizon') }}

),

day_periods as (

    {% for kind in ['day', 'week', 'month', 'quarter', 'year'] %}
        select
            local_date,
            '{{ kind }}' as period_kind,
            {{ period_start(kind, 'local_date') }} as period_start,
            {{ period_end(kind, 'local_date') }} as period_end
        from days
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        day_periods.local_date,
        day_periods.period_kind,
        day_periods.period_start,
        day_periods.period_end,
        day_periods.period_start >= horizon.start_on
        and day_periods.period_end <= horizon.horizon_on as is_whole
    from day_periods
    cross join horizon

)

select * from final
