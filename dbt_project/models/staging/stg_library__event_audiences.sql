select
    rule_id,
    rule_number,
    audience,
    pattern,
    least_audiences,
    valid_from,
    valid_to,
    reason
from {{ source('library', 'event_audiences') }}
