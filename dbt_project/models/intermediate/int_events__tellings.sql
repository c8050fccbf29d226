-- What each run said about each occurrence: the whole history of claims, in the order in which they were made.
with runs as (

    select
        runs.source_id,
        runs.run_number,
        fetches.blob_sha256,
        min(runs.fetched_at) as told_at,
        max(runs.reject_count) as reject_count,
        max(fetches.receipt_id) as told_receipt_id
    from {{ ref('int_events__runs') }} as runs
    inner join {{ ref('int_events__fetches') }} as fetches
        on
            runs.source_id = fetches.source_id
            and runs.fetch_id = fetches.fetch_id
    where fetches.answer_state not in ('failed', 'unreadable')
    group by runs.source_id, runs.run_number, fetches.blob_sha256

),

observations as (

    select * from {{ ref('stg_events__observations') }}

),

ranked as (

    select
        observations.*,
        runs.run_number,
        runs.told_at,
        runs.reject_count,
        row_number() over (
            partition by observations.source_id, observations.series_id, observations.slot, runs.run_number
            -- the same bytes may have been read for two receipts: the first of them told it
            order by runs.told_receipt_id desc, observations.pointer desc, observations.receipt_id asc
        ) as telling_rank
    from observations
    inner join runs
        on
            observations.source_id = runs.source_id
            and observations.blob_sha256 = runs.blob_sha256

),

final as (

    select
        observation_id as occurrence_id,
        source_id,
        series_id,
        slot,
        run_number,
        told_at,
        reject_count,
        start_at,
        end_at,
        start_on,
        end_on,
        has_time,
        title,
        location,
        categories,
        partner_claims,
        is_organised_by_library,
        status,
        is_public,
        is_recurring,
        is_override,
        url,
        content_hash,
        receipt_id,
        blob_sha256,
        lead(run_number) over (
            partition by source_id, series_id, slot
            order by run_number
        ) as next_run_number
    from ranked
    where telling_rank = 1

)

select * from final
