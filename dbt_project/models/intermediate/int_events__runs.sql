-- Fetches in a row that tell the same are one run, so that a feed polled hourly costs no more than one that changes.
with fetches as (

    select * from {{ ref('int_events__fetches') }}
    where answer_state not in ('failed', 'unreadable')

),

parts as (

    select distinct
        source_id,
        fetch_id,
        blob_sha256
    from fetches

),

contents as (

    select
        source_id,
        fetch_id,
        {{ dbt.listagg('blob_sha256', "' '", 'order by blob_sha256') }} as content_key
    from parts
    group by source_id, fetch_id

),

totals as (

    select
        source_id,
        fetch_id,
        max(fetched_at) as fetched_at,
        sum(reject_count) as reject_count
    from fetches
    group by source_id, fetch_id

),

compared as (

    select
        contents.source_id,
        contents.fetch_id,
        contents.content_key,
        totals.fetched_at,
        totals.reject_count,
        lag(contents.content_key) over (
            partition by contents.source_id order by contents.fetch_id
        ) as content_before
    from contents
    inner join totals
        on
            contents.source_id = totals.source_id
            and contents.fetch_id = totals.fetch_id

),

final as (

    select
        source_id,
        fetch_id,
        fetched_at,
        reject_count,
        sum(case when content_key = content_before then 0 else 1 end) over (
            partition by source_id
            order by fetch_id
            rows between unbounded preceding and current row
        ) as run_number
    from compared

)

select * from final
