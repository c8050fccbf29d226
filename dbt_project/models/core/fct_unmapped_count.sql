-- Counts that nobody's description claims: a new device, a renamed branch, a date outside a line's validity.
with unmapped as (

    select * from {{ ref('int_doors__mapped_observations') }}
    where line_id is null

),

final as (

    select
        source_id,
        device_key,
        line_key,
        min(start_on) as first_on,
        max(last_on) as last_on,
        count(*) as observation_count
    from unmapped
    group by source_id, device_key, line_key

)

select * from final
