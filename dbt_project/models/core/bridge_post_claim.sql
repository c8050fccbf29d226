select
    account_id,
    post_id,
    source_id,
    adapter,
    precedence,
    claimed_post_id,
    claimed_shortcode,
    claimed_at,
    identity_rule,
    is_listed,
    first_told_at,
    last_told_at,
    telling_count
from {{ ref('int_social__post_claims') }}
