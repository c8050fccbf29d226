select
    least_score,
    start_tolerance_minutes,
    withdrawn_after_fetches,
    guard_share,
    guard_count,
    withdrawn_after_hours
from {{ source('library', 'event_identity') }}
