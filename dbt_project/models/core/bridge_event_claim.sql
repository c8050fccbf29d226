select
    identity.event_id,
    identity.claim_id as occurrence_id,
    identity.source_id,
    occurrences.series_id,
    occurrences.slot,
    occurrences.start_at,
    occurrences.title,
    occurrences.status,
    occurrences.late_change,
    occurrences.withdrawn_at,
    identity.score,
    identity.match_rule,
    identity.match_reason,
    identity.is_anchor
from {{ ref('int_events__identity') }} as identity
inner join {{ ref('int_events__occurrences') }} as occurrences on identity.claim_id = occurrences.occurrence_id
