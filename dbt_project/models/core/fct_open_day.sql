select
    branch_id,
    local_date,
    day_start_at,
    day_end_at,
    open_minutes,
    staffed_minutes,
    open_minutes - staffed_minutes as unstaffed_minutes,
    is_hours_known,
    closed_reason
from {{ ref('int_library__open_days') }}
