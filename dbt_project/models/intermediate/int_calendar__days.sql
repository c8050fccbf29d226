with bounds as (

    select
        start_on,
        cast({{ dbt.dateadd('day', -1, 'horizon_on') }} as date) as last_on
    from {{ ref('int_calendar__horizon') }}
    where start_on < horizon_on

),

final as (

    {{ day_series('bounds', 'start_on', 'last_on') }}

)

select local_date from final
