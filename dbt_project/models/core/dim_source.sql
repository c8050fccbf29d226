with receipts as (

    select
        source_id,
        count(*) as receipt_count,
        max(case when status in ('ok', 'not_modified') then received_at end) as last_received_at,
        max(case when status = 'failed' then received_at end) as last_failed_at
    from {{ ref('stg_landing__fetches') }}
    group by source_id

),

rejects as (

    select
        source_id,
        count(*) as reject_count
    from {{ ref('stg_landing__rejects') }}
    group by source_id

),

final as (

    select
        sources.source_id,
        sources.family,
        sources.adapter,
        sources.description,
        sources.owner,
        sources.is_enabled,
        sources.expected_every_hours,
        receipts.last_received_at,
        receipts.last_failed_at,
        coalesce(receipts.receipt_count, 0) as receipt_count,
        coalesce(rejects.reject_count, 0) as reject_count
    from {{ ref('stg_library__sources') }} as sources
    left join receipts on sources.source_id = receipts.source_id
    left join rejects on sources.source_id = rejects.source_id

)

select * from final
