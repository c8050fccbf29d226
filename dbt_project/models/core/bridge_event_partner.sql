select
    occurrence_id as event_id,
    partner_id,
    min(partner_claim) as partner_claim
from {{ ref('int_events__partner_claims') }}
group by occurrence_id, partner_id
