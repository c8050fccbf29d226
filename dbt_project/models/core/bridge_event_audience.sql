select
    event_id,
    audience,
    share,
    audience_basis,
    audience_rule,
    audience_reason
from {{ ref('int_events__audiences') }}
