-- When a blob was last news. Bytes that arrive again change nothing, except where they put back what other bytes under
-- the same name had replaced: then the correction is taken back, and the old reading is the newest word again. A push
-- has no name that says so: one that is sent again is only sent again.
with fetches as (

    select * from {{ ref('stg_landing__fetches') }}
    where status = 'ok' and blob_sha256 is not null

),

ordered as (

    select
        source_id,
        blob_sha256,
        receipt_id,
        received_at,
        how,
        lag(blob_sha256) over (partition by source_id, origin, ask order by receipt_id) as blob_before,
        row_number() over (partition by source_id, origin, ask, blob_sha256 order by receipt_id) as name_arrival,
        row_number() over (partition by source_id, blob_sha256 order by receipt_id) as arrival
    from fetches

),

final as (

    select
        source_id,
        blob_sha256,
        max(receipt_id) as recorded_receipt_id,
        max(received_at) as recorded_at
    from ordered
    where arrival = 1 or (how <> 'push' and name_arrival > 1 and blob_before <> blob_sha256)
    group by source_id, blob_sha256

)

select * from final
