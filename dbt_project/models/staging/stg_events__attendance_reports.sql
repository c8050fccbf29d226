select
    series_id,
    slot,
    reported_at,
    on_site_count,
    online_count,
    method,
    adults_count,
    children_count,
    reported_on,
    reported_by_role,
    start_on,
    start_at,
    title,
    location,
    source_id,
    receipt_id,
    received_at,
    blob_sha256,
    parser,
    pointer
from {{ source('lake', 'attendance_reports') }}
where received_at <= {{ as_of() }}
