select
    report_id,
    event_id,
    match_rule,
    is_used,
    reported_at,
    on_site_count,
    online_count,
    attendance_count,
    method,
    version_count,
    source_id,
    receipt_id
from {{ ref('int_events__attendance') }}
