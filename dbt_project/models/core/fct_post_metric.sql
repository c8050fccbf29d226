select
    post_id,
    account_id,
    metric,
    value,
    {{ published_status('value_status', 'value') }} as value_status,
    observed_at,
    first_value,
    first_observed_at,
    reading_count,
    source_id
from {{ ref('int_social__post_metrics') }}
