select
    branch_id,
    local_date,
    open_minutes,
    is_hours_known,
    closed_reason
from {{ ref('int_library__open_days') }}
