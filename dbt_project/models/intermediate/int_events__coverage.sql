-- Which local dates, and which branch, each feed speaks for: the window of its whole and readable answers, or for
-- files without one the dates they hold. A feed without a branch of its own speaks for every branch.
with fetches as (

    select * from {{ ref('stg_landing__fetches') }}

),

sources as (

    select * from {{ ref('stg_library__sources') }}
    where family = 'events'

),

unreadable as (

    select distinct
        source_id,
        blob_sha256
    from {{ ref('stg_landing__rejects') }}
    where scope = 'blob'

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

windows as (

    select
        fetches.source_id,
        sources.branch_id,
        cast({{ to_local('fetches.window_start_at', 'settings.zone') }} as date) as covers_from,
        cast({{ to_local('fetches.window_end_at', 'settings.zone') }} as date) as covers_to
    from fetches
    inner join sources on fetches.source_id = sources.source_id
    left join unreadable
        on
            fetches.source_id = unreadable.source_id
            and fetches.blob_sha256 = unreadable.blob_sha256
    cross join settings
    where
        fetches.status = 'ok'
        and unreadable.source_id is null
        and coalesce(fetches.is_complete, true)
        and fetches.window_start_at is not null
        and fetches.window_end_at is not null

),

files as (

    select
        observations.source_id,
        sources.branch_id,
        min(observations.start_on) as covers_from,
        cast({{ dbt.dateadd('day', 1, 'max(observations.start_on)') }} as date) as covers_to
    from {{ ref('stg_events__observations') }} as observations
    inner join sources on observations.source_id = sources.source_id
    left join windows on observations.source_id = windows.source_id
    where windows.source_id is null
    group by observations.source_id, sources.branch_id

),

final as (

    select
        source_id,
        branch_id,
        covers_from,
        covers_to
    from windows
    union
    select
        source_id,
        branch_id,
        covers_from,
        covers_to
    from files

)

select * from final
