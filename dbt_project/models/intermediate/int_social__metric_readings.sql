-- Every reading of every metric of every post, under the post that it is about. A source that tells twice of one
-- moment is read once.
with readings as (

    select
        metrics.account_id,
        claims.post_id,
        metrics.metric,
        metrics.breakdown,
        metrics.source_id,
        claims.adapter,
        claims.precedence,
        metrics.observed_at,
        metrics.received_at,
        metrics.value,
        metrics.value_status,
        metrics.api_version,
        metrics.receipt_id,
        metrics.blob_sha256,
        row_number() over (
            partition by
                metrics.account_id, claims.post_id, metrics.metric, metrics.breakdown, metrics.source_id,
                claims.adapter, metrics.observed_at
            order by
                case when metrics.value_status = 'measured' then 0 else 1 end asc, metrics.received_at desc,
                metrics.receipt_id desc, metrics.pointer desc
        ) as reading_rank
    from {{ ref('stg_instagram__metrics') }} as metrics
    inner join {{ ref('int_social__post_claims') }} as claims
        on
            metrics.account_id = claims.account_id
            and metrics.source_id = claims.source_id
            and {{ adapter_of('metrics.parser') }} = claims.adapter
            and metrics.subject_id = claims.claimed_post_id
    where
        metrics.subject_kind = 'post'
        and metrics.period = 'lifetime'
        and claims.post_id is not null

),

final as (

    select
        readings.account_id,
        readings.post_id,
        readings.metric,
        readings.breakdown,
        readings.source_id,
        readings.adapter,
        readings.precedence,
        readings.observed_at,
        readings.received_at,
        readings.value,
        readings.value_status,
        readings.api_version,
        posts.posted_at,
        posts.product_type,
        readings.receipt_id,
        readings.blob_sha256
    from readings
    left join {{ ref('int_social__posts') }} as posts
        on
            readings.account_id = posts.account_id
            and readings.post_id = posts.post_id
    where readings.reading_rank = 1

)

select * from final
