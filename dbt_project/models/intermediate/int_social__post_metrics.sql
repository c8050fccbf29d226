-- What holds of each metric of each post: the first in the order of sources that says a number, and of that source the
-- newest. Silence takes no number back, and a value is never made from a missing one.
with readings as (

    select * from {{ ref('int_social__metric_readings') }}
    where breakdown = ''

),

ranked as (

    select
        *,
        row_number() over (
            partition by account_id, post_id, metric
            order by
                case when value_status = 'measured' then 0 else 1 end asc, precedence asc, observed_at desc,
                received_at desc, receipt_id desc, source_id asc
        ) as telling_rank,
        row_number() over (
            partition by account_id, post_id, metric, source_id
            order by case when value_status = 'measured' then 0 else 1 end, observed_at, received_at, receipt_id
        ) as first_rank
    from readings

),

firsts as (

    select
        account_id,
        post_id,
        metric,
        source_id,
        max(case when first_rank = 1 then value end) as first_value,
        max(case when first_rank = 1 then observed_at end) as first_observed_at,
        count(*) as reading_count
    from ranked
    group by account_id, post_id, metric, source_id

),

final as (

    select
        ranked.post_id,
        ranked.account_id,
        ranked.metric,
        ranked.value,
        ranked.value_status,
        ranked.observed_at,
        firsts.first_value,
        firsts.first_observed_at,
        firsts.reading_count,
        ranked.adapter,
        ranked.source_id,
        ranked.receipt_id,
        ranked.blob_sha256
    from ranked
    inner join firsts
        on
            ranked.account_id = firsts.account_id
            and ranked.post_id = firsts.post_id
            and ranked.metric = firsts.metric
            and ranked.source_id = firsts.source_id
    where ranked.telling_rank = 1

)

select * from final
