select
    gap_kind,
    account_id,
    post_id,
    source_id,
    posted_at,
    noticed_at,
    message,
    next_action,
    is_open
from {{ ref('int_social__post_gaps') }}
