-- Each occurrence of each source as it is told now: the newest version of its claim, where it was first to be, and what
-- has become of it. One that a feed no longer lists keeps its last claim: forgetting is not cancelling.
with versions as (

    select * from {{ ref('int_events__versions') }}

),

numbered as (

    select
        *,
        row_number() over (partition by occurrence_id order by version_number desc) as version_rank,
        max(case when version_number = 1 then start_at end) over (partition by occurrence_id) as first_start_at,
        max(case when version_number = 1 then told_at end) over (partition by occurrence_id) as first_told_at,
        max(case when version_number = 1 then start_on end) over (partition by occurrence_id) as first_start_on,
        max(case when version_number = 1 and has_time then 1 else 0 end) over (partition by occurrence_id) = 1
            as first_has_time,
        min(case when is_late then version_number end) over (partition by occurrence_id) - 1 as stood_version,
        max(case when is_public and title is not null then version_number end) over (partition by occurrence_id)
            as titled_version
    from versions

),

keys as (

    select
        occurrence_id,
        max(series_id) as series_id,
        max(slot) as slot,
        max(case when is_recurring then 1 else 0 end) = 1 as is_recurring,
        max(case when is_override then 1 else 0 end) = 1 as is_override,
        max(told_at) as last_told_at
    from {{ ref('int_events__tellings') }}
    group by occurrence_id

),

-- Feeds of changes say what they take away. Some take away what is over as well: only what lay ahead is cancelled by it.
removals as (

    select * from {{ ref('stg_events__tombstones') }}

),

titles as (

    select * from {{ ref('int_events__titles') }}

),

withdrawals as (

    select
        occurrence_id,
        min(enough_at) as withdrawn_at,
        max(absent_fetch_count) as absent_fetch_count
    from {{ ref('int_events__absences') }}
    where is_still_missing and enough_at is not null
    group by occurrence_id

),

removed as (

    select
        numbered.occurrence_id,
        max(coalesce(removals.removed_at, removals.received_at)) as removed_at
    from numbered
    inner join keys on numbered.occurrence_id = keys.occurrence_id
    inner join removals
        on
            numbered.source_id = removals.source_id
            and keys.series_id = removals.series_id
            and (removals.slot is null or keys.slot = removals.slot)
            and removals.received_at > keys.last_told_at
    where
        numbered.version_rank = 1
        and coalesce(removals.removed_at, removals.received_at) < numbered.start_at
    group by numbered.occurrence_id

),

told as (

    select
        numbered.occurrence_id,
        numbered.source_id,
        keys.series_id,
        keys.slot,
        numbered.start_at,
        numbered.end_at,
        numbered.start_on,
        numbered.end_on,
        numbered.has_time,
        case
            when {{ matches('keys.slot', "'^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$'") }}
                then cast(replace(replace(keys.slot, 'T', ' '), 'Z', '') as timestamp)
            else numbered.first_start_at
        end as original_start_at,
        numbered.first_start_on,
        numbered.first_has_time,
        -- a cancellation may come without the words
        coalesce(numbered.title, case when numbered.is_public then titled.title end) as title,
        coalesce(numbered.location, case when numbered.is_public then titled.location end) as location,
        coalesce(numbered.categories, case when numbered.is_public then titled.categories end) as categories,
        coalesce(numbered.partner_claims, case when numbered.is_public then titled.partner_claims end)
            as partner_claims,
        coalesce(
            numbered.is_organised_by_library, case when numbered.is_public then titled.is_organised_by_library end
        ) as is_organised_by_library,
        numbered.status as told_status,
        numbered.is_public,
        keys.is_recurring,
        keys.is_override,
        numbered.url,
        numbered.content_hash,
        numbered.version_number as version_count,
        numbered.first_told_at,
        numbered.told_at as last_changed_at,
        case
            when stood.occurrence_id is null then null
            when stood.status <> numbered.status then numbered.status
            when stood.start_at <> numbered.start_at then 'moved'
            else 'reworded'
        end as late_change,
        numbered.receipt_id,
        numbered.blob_sha256
    from numbered
    inner join keys on numbered.occurrence_id = keys.occurrence_id
    left join versions as stood
        on
            numbered.occurrence_id = stood.occurrence_id
            and numbered.stood_version = stood.version_number
    left join versions as titled
        on
            numbered.occurrence_id = titled.occurrence_id
            and numbered.titled_version = titled.version_number
            and numbered.title is null
            and numbered.status = 'cancelled'
    where numbered.version_rank = 1

),

judged as (

    select
        told.*,
        withdrawals.withdrawn_at,
        withdrawals.absent_fetch_count,
        -- an hour that becomes known is no move
        case
            when told.has_time and told.first_has_time then told.start_at <> told.original_start_at
            else told.start_on <> told.first_start_on
        end as is_moved,
        case
            when told.told_status in ('cancelled', 'postponed') then told.told_status
            when coalesce(titles.told_status, '') <> '' then titles.told_status
            when removed.removed_at is not null then 'cancelled'
            when withdrawals.withdrawn_at is not null then 'withdrawn'
            else told.told_status
        end as fate,
        case
            when told.told_status in ('cancelled', 'postponed') then 'told'
            when coalesce(titles.told_status, '') <> '' then 'title'
            when removed.removed_at is not null then 'removed'
            when withdrawals.withdrawn_at is not null then 'absent'
            else 'told'
        end as fate_rule
    from told
    left join titles on told.title = titles.title
    left join withdrawals on told.occurrence_id = withdrawals.occurrence_id
    left join removed on told.occurrence_id = removed.occurrence_id

),

final as (

    select
        occurrence_id,
        source_id,
        series_id,
        slot,
        start_at,
        end_at,
        start_on,
        end_on,
        has_time,
        original_start_at,
        is_moved,
        title,
        location,
        categories,
        partner_claims,
        is_organised_by_library,
        case
            when fate = 'scheduled' and end_at <= {{ as_of() }} then 'occurred'
            when fate = 'scheduled' and is_moved then 'moved'
            else fate
        end as status,
        case
            when fate = 'scheduled' and end_at <= {{ as_of() }} then 'ended'
            when fate = 'scheduled' and is_moved then 'slot'
            else fate_rule
        end as status_rule,
        is_public,
        is_recurring,
        is_override,
        url,
        content_hash,
        version_count,
        first_told_at,
        last_changed_at,
        withdrawn_at,
        absent_fetch_count,
        late_change,
        receipt_id,
        blob_sha256
    from judged

)

select * from final
