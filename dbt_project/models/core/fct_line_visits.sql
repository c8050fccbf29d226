select
    line_id,
    branch_id,
    span_start_on,
    span_end_on,
    visits,
    counted_visits,
    calibration_factor,
    in_count,
    out_count,
    undirected_count,
    expected_minutes,
    observed_minutes,
    value_state
from {{ ref('int_visits__line_visits') }}
