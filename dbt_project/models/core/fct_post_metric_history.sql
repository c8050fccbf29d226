select
    account_id,
    post_id,
    metric,
    breakdown,
    source_id,
    adapter,
    observed_at,
    received_at,
    {{ minutes_between('posted_at', 'observed_at') }} / 1440.0 as age_days,
    value,
    {{ published_status('value_status', 'value') }} as value_status
from {{ ref('int_social__metric_readings') }}
