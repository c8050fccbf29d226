select
    branch_id,
    local_date,
    open_minutes,
    staffed_minutes,
    open_minutes - staffed_minutes as unstaffed_minutes,
    is_hours_known,
    closed_reason
from {{ ref('int_library__open_days') }}
