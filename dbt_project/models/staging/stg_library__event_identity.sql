select
    least_score,
    start_tolerance_minutes,
    withdrawn_after_fetches,
    withdrawn_after_hours,
    guard_share,
    guard_count
from {{ source('library', 'event_identity') }}
