select
    scope,
    reason,
    message,
    next_action,
    source_id,
    receipt_id,
    received_at,
    blob_sha256,
    parser,
    pointer
from {{ source('lake', 'rejects') }}
where received_at <= {{ as_of() }}
