select
    identity.event_id,
    versions.occurrence_id,
    versions.version_number,
    versions.told_at,
    versions.told_until_at,
    versions.is_late,
    versions.start_at,
    versions.end_at,
    versions.title,
    versions.location as venue,
    versions.status,
    versions.receipt_id,
    versions.blob_sha256
from {{ ref('int_events__versions') }} as versions
inner join {{ ref('int_events__identity') }} as identity on versions.occurrence_id = identity.claim_id
