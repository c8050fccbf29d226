-- How far the figures may speak: closed local days only, so that an unfinished day is never a small one.
with settings as (

    select * from {{ ref('stg_library__settings') }}

),

today as (

    select
        library_id,
        zone,
        is_simulated,
        start_on,
        end_on,
        cast({{ to_local(as_of(), 'zone') }} as date) as today_on
    from settings

),

final as (

    select
        library_id,
        zone,
        is_simulated,
        start_on,
        least(coalesce(end_on, today_on), today_on) as horizon_on
    from today

)

select * from final
