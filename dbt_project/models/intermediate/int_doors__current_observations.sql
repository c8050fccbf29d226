-- One telling per counted interval: the one the device sent last, else the one that was news last. Earlier ones stay
-- in the lake. Order of arrival decides only where the device does not say when it sent.
with observations as (

    select
        observations.*,
        recorded.recorded_receipt_id
    from {{ ref('stg_doors__observations') }} as observations
    inner join {{ ref('int_landing__recorded_times') }} as recorded
        on
            observations.source_id = recorded.source_id
            and observations.blob_sha256 = recorded.blob_sha256
    where observations.kind in ('interval', 'span')

),

ranked as (

    select
        *,
        row_number() over (
            partition by source_id, device_key, line_key, interval_start_at, interval_end_at
            order by sent_at desc nulls last, recorded_receipt_id desc, receipt_id desc, pointer desc
        ) as telling_rank
    from observations

),

final as (

    select
        observation_id,
        source_id,
        device_key,
        line_key,
        interval_start_at,
        interval_end_at,
        in_count,
        out_count,
        undirected_count,
        value_state,
        reason_code,
        receipt_id,
        blob_sha256
    from ranked
    where telling_rank = 1

)

select * from final
