select
    post_id,
    account_id,
    area_id,
    posted_at,
    posted_on,
    media_type,
    product_type,
    hashtags,
    shortcode,
    children_count,
    presence,
    gone_at,
    source_count
from {{ ref('int_social__posts') }}
