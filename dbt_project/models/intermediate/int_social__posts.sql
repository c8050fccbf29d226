-- Pictures of an album are no posts of their own. Posts of a download have a second and no id (`at:…`): until they are
-- matched with the posts that other sources name, they would count twice, so they stay out.
with observations as (

    -- the row that tells of a post's end holds nothing else of it: what was told before stays
    select * from {{ ref('stg_instagram__posts') }}
    where
        parent_post_id is null
        and post_id not like 'at:%'
        and coalesce(presence, 'listed') != 'gone'

),

accounts as (

    select * from {{ ref('stg_library__accounts') }}

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by account_id, post_id
            order by received_at desc, receipt_id desc, pointer desc
        ) as telling_rank
    from observations

),

localised as (

    select
        ranked.*,
        cast({{ to_local('ranked.posted_at', 'settings.zone') }} as date) as posted_on
    from ranked
    cross join settings
    where ranked.telling_rank = 1

),

final as (

    select
        localised.post_id,
        localised.account_id,
        accounts.area_id,
        localised.posted_at,
        localised.posted_on,
        localised.media_type,
        localised.product_type,
        localised.hashtags,
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
