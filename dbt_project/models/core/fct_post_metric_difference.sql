-- Where sources disagree nobody mends anything: both claims stay, and the order of sources says which one is shown.
with newest as (

    select
        *,
        row_number() over (
            partition by account_id, post_id, metric, source_id
            order by observed_at desc, received_at desc, receipt_id desc
        ) as reading_rank
    from {{ ref('int_social__metric_readings') }}
    where breakdown = '' and value_status = 'measured'

),

final as (

    select
        newest.account_id,
        newest.post_id,
        newest.metric,
        newest.source_id,
        newest.adapter,
        newest.value,
        newest.observed_at,
        chosen.source_id as chosen_source_id,
        chosen.value as chosen_value,
        chosen.observed_at as chosen_observed_at,
        newest.value - chosen.value as difference
    from newest
    inner join {{ ref('int_social__post_metrics') }} as chosen
        on
            newest.account_id = chosen.account_id
            and newest.post_id = chosen.post_id
            and newest.metric = chosen.metric
    where newest.reading_rank = 1 and newest.source_id <> chosen.source_id and newest.value <> chosen.value

)

select * from final
