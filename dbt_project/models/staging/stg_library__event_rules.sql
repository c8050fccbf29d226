select
    rule_id,
    rule_number,
    pattern,
    kind,
    count_rule,
    reason
from {{ source('library', 'event_rules') }}
