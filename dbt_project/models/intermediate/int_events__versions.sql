-- The versions of a claim: a telling that says the same as the one before is no new version. A version is late when
-- the occurrence was already over by what had been told of it.
with tellings as (

    select
        *,
        lag(content_hash) over (partition by occurrence_id order by run_number) as content_before,
        lag(end_at) over (partition by occurrence_id order by run_number) as end_before
    from {{ ref('int_events__tellings') }}

),

changes as (

    select
        occurrence_id,
        source_id,
        row_number() over (partition by occurrence_id order by run_number) as version_number,
        told_at,
        lead(told_at) over (partition by occurrence_id order by run_number) as told_until_at,
        coalesce(told_at >= end_before, false) as is_late,
        start_at,
        end_at,
        start_on,
        end_on,
        has_time,
        title,
        location,
        categories,
        partner_claims,
        is_organised_by_library,
        status,
        is_public,
        url,
        content_hash,
        receipt_id,
        blob_sha256
    from tellings
    where content_before is null or content_before <> content_hash

),

final as (

    select * from changes

)

select * from final
