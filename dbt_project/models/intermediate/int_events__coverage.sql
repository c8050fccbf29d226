-- Which local dates each feed speaks for: the window of its answers, or for files without one the dates they hold.
with fetches as (

    select * from {{ ref('stg_landing__fetches') }}

),

sources as (

    select * from {{ ref('stg_library__sources') }}
    where family = 'events'

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

windows as (

    select
        fetches.source_id,
        cast({{ to_local('fetches.window_start_at', 'settings.zone') }} as date) as covers_from,
        cast({{ to_local('fetches.window_end_at', 'settings.zone') }} as date) as covers_to
    from fetches
    inner join sources on fetches.source_id = sources.source_id
    cross join settings
    where
        fetches.status = 'ok'
        and fetches.window_start_at is not null
        and fetches.window_end_at is not null

),

files as (

    select
        observations.source_id,
        min(observations.start_on) as covers_from,
        cast({{ dbt.dateadd('day', 1, 'max(observations.start_on)') }} as date) as covers_to
    from {{ ref('stg_events__observations') }} as observations
    left join windows on observations.source_id = windows.source_id
    where windows.source_id is null
    group by observations.source_id

),

final as (

    select
        source_id,
        covers_from,
        covers_to
    from windows
    union
    select
        source_id,
        covers_from,
        covers_to
    from files

)

select * from final
