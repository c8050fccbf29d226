select
    line_id,
    branch_id,
    source_id,
    device_key,
    line_key,
    door,
    door_state,
    since_at,
    last_told_at,
    expected_by_at,
    is_open_now,
    evidence,
    next_action,
    watched_until_at
from {{ ref('int_doors__door_states') }}
