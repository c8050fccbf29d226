select
    series_id,
    slot,
    removed_at,
    source_id,
    receipt_id,
    received_at,
    blob_sha256,
    parser,
    pointer
from {{ source('lake', 'event_tombstones') }}
where received_at <= {{ as_of() }}
