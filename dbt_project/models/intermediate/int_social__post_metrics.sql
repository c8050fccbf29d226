-- The newest telling of each metric of each post, with its status. A value is never made from a missing one.
with observations as (

    select * from {{ ref('stg_instagram__metrics') }}
    where subject_kind = 'post' and breakdown = ''

),

ranked as (

    select
        *,
        row_number() over (
            partition by account_id, subject_id, metric
            order by observed_at desc, received_at desc, receipt_id desc, pointer desc
        ) as telling_rank
    from observations

),

final as (

    select
        subject_id as post_id,
        account_id,
        metric,
        value,
        value_status,
        observed_at,
        source_id,
        receipt_id,
        blob_sha256
    from ranked
    where telling_rank = 1

)

select * from final
