select
    branch_id,
    week_start_on,
    year,
    iso_week,
    sample_form,
    first_on,
    last_on,
    day_count,
    line_count,
    visits,
    open_minutes,
    is_substitute,
    week_verdict
from {{ ref('int_visits__sample_weeks') }}
