-- What those who report attendance say of each event: that they list it, how many came, or that it was called off. Their
-- word about what took place is one that was told after it had ended; what they planned before is a claim like any other.
with identity as (

    select * from {{ ref('int_events__identity') }}

),

reporters as (

    select distinct source_id from {{ ref('int_events__attendance_reports') }}

),

listed as (

    select
        identity.event_id,
        0 as attendance_count,
        case when occurrences.status = 'cancelled' then 1 else 0 end as cancelled_count
    from identity
    inner join {{ ref('int_events__occurrences') }} as occurrences on identity.claim_id = occurrences.occurrence_id
    inner join reporters on occurrences.source_id = reporters.source_id
    where occurrences.last_changed_at >= occurrences.end_at

),

reports as (

    select
        event_id,
        coalesce(attendance_count, 0) as attendance_count,
        0 as cancelled_count
    from {{ ref('int_events__attendance') }}
    where event_id is not null

),

said as (

    select * from listed
    union all
    select * from reports

),

final as (

    select
        event_id,
        max(attendance_count) > 0 as is_attended,
        max(cancelled_count) > 0 and max(attendance_count) = 0 as is_reported_cancelled
    from said
    group by event_id

)

select * from final
