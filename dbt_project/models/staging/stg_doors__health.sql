select
    device_key,
    observed_at,
    metric,
    value,
    text,
    source_id,
    receipt_id,
    received_at,
    blob_sha256,
    parser,
    pointer
from {{ source('lake', 'door_health') }}
where received_at <= {{ as_of() }}
