select
    event_id,
    partner_id,
    min(organisation_id) as organisation_id,
    min(unit_id) as unit_id,
    min(partner_claim) as partner_claim
from {{ ref('int_events__partner_claims') }}
group by event_id, partner_id
