-- One post out of several tellings. Each field is that of the source that is believed first and tells it; within a
-- source the newest telling. The row that tells of a post's end holds nothing else of it: what was told before stays.
{% set fields = ['posted_at', 'shortcode', 'media_type', 'product_type', 'hashtags', 'caption_references', 'children_count'] %}
with tellings as (

    select
        posts.*,
        claims.post_id as matched_post_id,
        claims.precedence,
        coalesce(posts.presence, 'listed') as told_presence
    from {{ ref('stg_instagram__posts') }} as posts
    inner join {{ ref('int_social__post_claims') }} as claims
        on
            posts.account_id = claims.account_id
            and posts.source_id = claims.source_id
            and {{ adapter_of('posts.parser') }} = claims.adapter
            and posts.post_id = claims.claimed_post_id
    where posts.parent_post_id is null and claims.post_id is not null

),

listed as (

    select
        *,
        {% for field in fields %}
            row_number() over (
                partition by account_id, matched_post_id
                order by
                    case when {{ field }} is null then 1 else 0 end asc, precedence asc, received_at desc, receipt_id desc,
                    pointer desc
            ) as {{ field }}_rank,
        {% endfor %}
        row_number() over (
            partition by account_id, matched_post_id
            order by precedence asc, received_at desc, receipt_id desc, pointer desc
        ) as telling_rank
    from tellings
    where told_presence <> 'gone'

),

merged as (

    select
        account_id,
        matched_post_id as post_id,
        {% for field in fields %}
            max(case when {{ field }}_rank = 1 then {{ field }} end) as {{ field }},
        {% endfor %}
        max(case when telling_rank = 1 then source_id end) as source_id,
        max(case when telling_rank = 1 then receipt_id end) as receipt_id,
        max(case when telling_rank = 1 then blob_sha256 end) as blob_sha256,
        max(case when precedence = 1 then received_at end) as last_listed_at,
        count(distinct source_id) as source_count
    from listed
    group by account_id, matched_post_id

),

-- listed again after it was told as gone: an archived post that came back, until it is told as gone once more
ended as (

    select
        tellings.account_id,
        tellings.matched_post_id as post_id,
        min(tellings.received_at) as gone_at
    from tellings
    inner join merged
        on
            tellings.account_id = merged.account_id
            and tellings.matched_post_id = merged.post_id
    where
        tellings.told_presence = 'gone'
        and (merged.last_listed_at is null or tellings.received_at > merged.last_listed_at)
    group by tellings.account_id, tellings.matched_post_id

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

localised as (

    select
        merged.*,
        ended.gone_at,
        cast({{ to_local('merged.posted_at', 'settings.zone') }} as date) as posted_on
    from merged
    cross join settings
    left join ended
        on
            merged.account_id = ended.account_id
            and merged.post_id = ended.post_id

),

accounts as (

    select * from {{ ref('stg_library__accounts') }}

),

final as (

    select
        localised.post_id,
        localised.account_id,
        accounts.area_id,
        localised.shortcode,
        localised.posted_at,
        localised.posted_on,
        localised.media_type,
        localised.product_type,
        localised.hashtags,
        localised.caption_references,
        localised.children_count,
        case when localised.gone_at is null then 'listed' else 'gone' end as presence,
        localised.gone_at,
        localised.source_count,
        localised.source_id,
        localised.receipt_id,
        localised.blob_sha256
    from localised
    left join accounts
        on
            localised.account_id = accounts.account_id
            and {{ valid_on('accounts', 'localised.posted_on') }}

)

select * from final
