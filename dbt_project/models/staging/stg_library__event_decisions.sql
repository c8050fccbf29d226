select
    verdict,
    source_id,
    series_id,
    slot,
    other_source_id,
    other_series_id,
    other_slot,
    branch_id,
    audience,
    reason,
    decided_on,
    decided_by
from {{ source('library', 'event_decisions') }}
