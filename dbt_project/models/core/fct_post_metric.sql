select
    post_id,
    account_id,
    metric,
    value,
    value_status,
    observed_at
from {{ ref('int_social__post_metrics') }}
