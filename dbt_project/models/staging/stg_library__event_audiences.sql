select
    rule_number,
    audience,
    pattern
from {{ source('library', 'event_audiences') }}
