-- For whom a person decided that an event was. Of decisions about two claims of one event the newest holds, then the one
-- about the better believed claim.
with decisions as (

    select
        identity.event_id,
        decisions.audience,
        decisions.reason,
        rank() over (
            partition by identity.event_id
            order by decisions.decided_on desc, identity.source_rank asc, identity.claim_id asc
        ) as decision_rank
    from {{ ref('stg_library__event_decisions') }} as decisions
    inner join {{ ref('int_events__occurrences') }} as occurrences
        on
            decisions.source_id = occurrences.source_id
            and decisions.series_id = occurrences.series_id
            and decisions.slot = occurrences.slot
    inner join {{ ref('int_events__identity') }} as identity on occurrences.occurrence_id = identity.claim_id
    where decisions.verdict = 'audience'

),

final as (

    select
        event_id,
        audience,
        reason as audience_reason
    from decisions
    where decision_rank = 1

)

select * from final
