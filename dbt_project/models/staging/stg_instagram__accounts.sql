select
    account_id,
    observed_at,
    username,
    followers_count,
    follows_count,
    media_count,
    source_id,
    receipt_id,
    received_at,
    blob_sha256,
    parser,
    pointer
from {{ source('lake', 'social_account_observations') }}
where received_at <= {{ as_of() }}
