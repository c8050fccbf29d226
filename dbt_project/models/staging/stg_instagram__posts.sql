select
    account_id,
    post_id,
    shortcode,
    parent_post_id,
    posted_at,
    media_type,
    product_type,
    hashtags,
    caption_references,
    presence,
    children_count,
    like_count,
    comments_count,
    content_hash,
    source_id,
    receipt_id,
    received_at,
    blob_sha256,
    parser,
    pointer
from {{ source('lake', 'social_post_observations') }}
where received_at <= {{ as_of() }}
