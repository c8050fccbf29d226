select
    line_id,
    first_on,
    last_on,
    verdict,
    reason,
    decided_by
from {{ source('library', 'count_decisions') }}
