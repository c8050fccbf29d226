select
    line_id,
    branch_id,
    hour_start_at,
    local_date,
    local_hour,
    expected_minutes,
    cast(observed_minutes as double precision) as observed_minutes,
    told_visits,
    visits,
    value_state,
    reason_code,
    dead_since_at
from {{ ref('int_doors__hour_states') }}
