select
    rule_id,
    rule_number,
    pattern,
    kind,
    count_rule,
    organiser,
    reason
from {{ source('library', 'event_rules') }}
