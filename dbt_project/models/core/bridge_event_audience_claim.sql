-- What each source ticked or wrote, untouched, beside what was made of it.
select
    event_id,
    occurrence_id,
    source_id,
    audience_claim,
    audience,
    audience_rule,
    audience_reason,
    set_aside_rule,
    set_aside_reason,
    is_used
from {{ ref('int_events__audience_claims') }}
