select
    post_id,
    account_id,
    area_id,
    posted_at,
    posted_on,
    media_type,
    product_type,
    hashtags
from {{ ref('int_social__posts') }}
