select
    source_id,
    family,
    adapter,
    description,
    owner,
    is_enabled,
    expected_every_hours,
    branch_id,
    is_aggregator,
    source_rank
from {{ source('library', 'sources') }}
