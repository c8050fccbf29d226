-- How many came, as it was reported from time to time. A merge of events never adds two reports: `is_used` marks the one.
select
    versions.report_id,
    versions.version_number,
    attendance.event_id,
    versions.source_id,
    versions.series_id,
    attendance.report_scope,
    attendance.match_rule,
    versions.reported_at,
    versions.reported_on,
    versions.reported_by_role,
    versions.on_site_count,
    versions.online_count,
    versions.adults_present_count,
    versions.children_present_count,
    versions.attendance_count,
    versions.method,
    versions.has_part_conflict,
    versions.is_current,
    versions.is_current and attendance.is_used as is_used,
    versions.receipt_id,
    versions.blob_sha256
from {{ ref('int_events__attendance_versions') }} as versions
inner join {{ ref('int_events__attendance') }} as attendance on versions.report_id = attendance.report_id
