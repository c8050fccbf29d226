-- What each answer of an event source says about what it leaves out. Receipts of one poll are one fetch; "nothing has
-- changed" says again what was said before; and a file that arrives again is no news, only a file.
with sources as (

    select * from {{ ref('stg_library__sources') }}
    where family = 'events'

),

asked as (

    select
        fetches.*,
        lag(fetches.blob_sha256) over (
            partition by fetches.source_id, fetches.origin, fetches.ask order by fetches.receipt_id
        ) as blob_before,
        row_number() over (
            partition by fetches.source_id, fetches.blob_sha256 order by fetches.receipt_id
        ) as blob_arrival,
        max(case when fetches.status = 'ok' then fetches.receipt_id end) over (
            partition by fetches.source_id, fetches.origin, fetches.ask
            order by fetches.receipt_id
            rows between unbounded preceding and current row
        ) as answer_receipt_id
    from {{ ref('stg_landing__fetches') }} as fetches
    inner join sources on fetches.source_id = sources.source_id

),

rejects as (

    select
        source_id,
        blob_sha256,
        sum(case when scope = 'blob' then 1 else 0 end) as unreadable_count,
        sum(case when scope = 'blob' then 0 else 1 end) as reject_count
    from {{ ref('stg_landing__rejects') }}
    group by source_id, blob_sha256

),

judged as (

    select
        asked.source_id,
        asked.receipt_id,
        case
            when asked.how = 'poll'
                then min(asked.receipt_id) over (partition by asked.source_id, asked.how, asked.received_at)
            else asked.receipt_id
        end as fetch_id,
        asked.received_at as fetched_at,
        case when asked.status in ('ok', 'not_modified') then answers.blob_sha256 end as blob_sha256,
        asked.window_start_at,
        asked.window_end_at,
        case
            when asked.status not in ('ok', 'not_modified') or answers.blob_sha256 is null then 'failed'
            when rejects.unreadable_count > 0 then 'unreadable'
            when asked.is_complete then 'complete'
            when not asked.is_complete then 'incomplete'
            else 'unknown'
        end as answer_state,
        coalesce(rejects.reject_count, 0) as reject_count
    from asked
    left join {{ ref('stg_landing__fetches') }} as answers on asked.answer_receipt_id = answers.receipt_id
    left join rejects
        on
            answers.source_id = rejects.source_id
            and answers.blob_sha256 = rejects.blob_sha256
    where
        asked.how = 'poll'
        or asked.blob_arrival = 1
        or (asked.how <> 'push' and asked.blob_before <> asked.blob_sha256)

),

final as (

    select
        *,
        -- One failed page, and what is missing may have stood on it.
        max(case when answer_state in ('failed', 'unreadable') then 1 else 0 end) over (
            partition by source_id, fetch_id
        ) = 1 as has_failed_part
    from judged

)

select * from final
