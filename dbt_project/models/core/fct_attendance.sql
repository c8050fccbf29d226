select
    events.event_id,
    reports.reported_at,
    reports.on_site_count,
    reports.online_count,
    reports.method,
    reports.receipt_id
from {{ ref('stg_events__attendance_reports') }} as reports
inner join {{ ref('int_events__events') }} as events
    on
        reports.source_id = events.source_id
        and reports.series_id = events.series_id
        and reports.slot = events.slot
