-- How far the figures may speak: closed local days only, so that an unfinished day is never a small one. A day is closed
-- when every branch has closed it: between midnight and the latest day cut, yesterday goes on.
with settings as (

    select * from {{ ref('stg_library__settings') }}

),

latest_cut as (

    select max(cuts.cut_minute) as cut_minute
    from settings
    inner join {{ ref('stg_library__day_cuts') }} as cuts
        on {{ valid_on('cuts', 'cast(' ~ to_local(as_of(), 'settings.zone') ~ ' as date)') }}

),

today as (

    select
        library_id,
        zone,
        is_simulated,
        start_on,
        end_on,
        {{ business_day(as_of(), 'zone', 'latest_cut.cut_minute') }} as today_on
    from settings
    cross join latest_cut

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
