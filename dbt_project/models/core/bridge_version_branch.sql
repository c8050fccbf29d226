-- What the rules and decisions of today make of each caption that a source ever told: whom a post spoke for before it was
-- edited. Figures go by the newest caption (bridge_post_branch).
with posts as (

    select
        versions.account_id,
        versions.post_id,
        versions.source_id,
        versions.content_hash,
        versions.hashtags,
        versions.caption_references,
        versions.first_told_at,
        versions.last_told_at,
        posts.area_id,
        posts.posted_on,
        posts.product_type,
        posts.shortcode
    from {{ ref('fct_post_version') }} as versions
    inner join {{ ref('int_social__posts') }} as posts
        on
            versions.account_id = posts.account_id
            and versions.post_id = posts.post_id

),

{{ attribution_ctes(['account_id', 'post_id', 'source_id', 'content_hash', 'first_told_at', 'last_told_at']) }}

select
    account_id,
    post_id,
    source_id,
    content_hash,
    first_told_at,
    last_told_at,
    attribution,
    branch_id,
    rule_kind,
    rule_id,
    weight
from final
