select
    receipt_id,
    source_id,
    how,
    received_at,
    status,
    origin,
    ask,
    window_start_at,
    window_end_at,
    is_complete,
    http_status,
    blob_sha256,
    byte_count,
    error
from {{ source('lake', 'fetches') }}
where received_at <= {{ as_of() }}
