select
    source_id,
    family,
    adapter,
    description,
    owner,
    is_enabled,
    expected_every_hours,
    branch_id
from {{ source('library', 'sources') }}
