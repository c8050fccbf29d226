-- A reject is open until the same source brings other bytes under the same name: a file put right closes it. One whose
-- next action begins with `Nothing to do;` or `Nothing to do:` asks nobody for anything (the vendor's padding of the
-- skipped hour in March): it is kept as a note, and never open. `Nothing to do if …` is no such thing.
with rejects as (

    select
        *,
        case when {{ matches('next_action', "'^Nothing to do[;:.]'") }} then 'note' else 'warn' end as severity
    from {{ ref('stg_landing__rejects') }}

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
        rejects.severity,
        rejects.severity = 'warn'
        and (newest.blob_sha256 is null or newest.blob_sha256 = rejects.blob_sha256) as is_open
    from rejects
    left join fetches on rejects.receipt_id = fetches.receipt_id
    left join newest
        on
            fetches.source_id = newest.source_id
            and fetches.origin = newest.origin
            and newest.receipt_rank = 1

)

select * from final
