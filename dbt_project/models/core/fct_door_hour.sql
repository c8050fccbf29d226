select
    line_id,
    branch_id,
    hour_start_at,
    local_date,
    local_hour,
    in_count,
    out_count,
    undirected_count,
    observed_minutes,
    open_minutes
from {{ ref('int_doors__line_hours') }}
