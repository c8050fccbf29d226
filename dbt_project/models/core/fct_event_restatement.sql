select
    event_id,
    closed_year,
    closed_on,
    figure_id,
    change_kind,
    subject_id,
    source_id,
    restated_at,
    old_value,
    new_value,
    old_count,
    new_count,
    reason,
    receipt_id
from {{ ref('int_events__restatements') }}
