-- A reject is open until the same source brings other bytes under the same name: a file put right closes it.
with rejects as (

    select * from {{ ref('stg_landing__rejects') }}

),

fetches as (

    select * from {{ ref('stg_landing__fetches') }}

),

newest as (

    select
        source_id,
        origin,
        blob_sha256,
        row_number() over (
            partition by source_id, origin
            order by receipt_id desc
        ) as receipt_rank
    from fetches
    where status = 'ok'

),

final as (

    select
        rejects.source_id,
        rejects.receipt_id,
        rejects.received_at,
        fetches.origin,
        rejects.scope,
        rejects.reason,
        rejects.message,
        rejects.next_action,
        rejects.pointer,
        rejects.blob_sha256,
        newest.blob_sha256 is null or newest.blob_sha256 = rejects.blob_sha256 as is_open
    from rejects
    left join fetches on rejects.receipt_id = fetches.receipt_id
    left join newest
        on
            fetches.source_id = newest.source_id
            and fetches.origin = newest.origin
            and newest.receipt_rank = 1

)

select * from final
