select
    account_id,
    subject_kind,
    subject_id,
    shortcode,
    metric,
    period,
    breakdown,
    window_start_at,
    window_end_at,
    day_zone,
    value,
    value_status,
    api_version,
    observed_at,
    source_id,
    receipt_id,
    received_at,
    blob_sha256,
    parser,
    pointer
from {{ source('lake', 'social_metric_observations') }}
where received_at <= {{ as_of() }}
