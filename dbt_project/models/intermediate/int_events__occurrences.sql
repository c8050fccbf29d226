-- The newest claim about each occurrence of each source. An occurrence that a feed no longer lists keeps its last
-- claim: feeds forget the past, and forgetting is not cancelling.
with observations as (

    select
        observations.*,
        recorded.recorded_receipt_id
    from {{ ref('stg_events__observations') }} as observations
    inner join {{ ref('int_landing__recorded_times') }} as recorded
        on
            observations.source_id = recorded.source_id
            and observations.blob_sha256 = recorded.blob_sha256

),

ranked as (

    select
        *,
        row_number() over (
            partition by source_id, series_id, slot
            order by recorded_receipt_id desc, pointer desc
        ) as claim_rank
    from observations

),

final as (

    select
        observation_id as occurrence_id,
        source_id,
        series_id,
        slot,
        start_at,
        end_at,
        start_on,
        end_on,
        has_time,
        title,
        location,
        categories,
        partner_claims,
        case when status = 'scheduled' and end_at <= {{ as_of() }} then 'occurred' else status end as status,
        is_public,
        is_recurring,
        is_override,
        receipt_id,
        blob_sha256
    from ranked
    where claim_rank = 1

)

select * from final
