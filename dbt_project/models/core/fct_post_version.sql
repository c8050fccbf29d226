-- Captions change, and with them the tags that say whom a post is for. Counts and signed addresses change no version.
with tellings as (

    select
        claims.account_id,
        claims.post_id,
        posts.source_id,
        posts.content_hash,
        posts.hashtags,
        posts.caption_references,
        posts.received_at,
        row_number() over (
            partition by claims.account_id, claims.post_id, posts.source_id, posts.content_hash
            order by posts.received_at desc, posts.receipt_id desc, posts.pointer desc
        ) as telling_rank
    from {{ ref('stg_instagram__posts') }} as posts
    inner join {{ ref('int_social__post_claims') }} as claims
        on
            posts.account_id = claims.account_id
            and posts.source_id = claims.source_id
            and {{ adapter_of('posts.parser') }} = claims.adapter
            and posts.post_id = claims.claimed_post_id
    where
        posts.parent_post_id is null
        and claims.post_id is not null
        and coalesce(posts.presence, 'listed') <> 'gone'

),

final as (

    select
        account_id,
        post_id,
        source_id,
        content_hash,
        max(case when telling_rank = 1 then hashtags end) as hashtags,
        max(case when telling_rank = 1 then caption_references end) as caption_references,
        min(received_at) as first_told_at,
        max(received_at) as last_told_at
    from tellings
    group by account_id, post_id, source_id, content_hash

)

select * from final
