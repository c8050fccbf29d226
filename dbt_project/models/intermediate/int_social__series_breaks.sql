-- Where a figure's series begins for an area that was measured by another metric before: views after impressions. A
-- chart across needs a mark, and a growth across is refused.
with posts as (

    select
        posts.area_id,
        posts.posted_on,
        measures.views,
        measures.impressions
    from {{ ref('int_social__posts') }} as posts
    inner join {{ ref('int_social__post_measures') }} as measures
        on
            posts.account_id = measures.account_id
            and posts.post_id = measures.post_id
    where posts.area_id is not null

),

spans as (

    select
        area_id,
        min(case when views is not null then posted_on end) as views_from,
        min(case when views is null and impressions is not null then posted_on end) as impressions_from
    from posts
    group by area_id

),

final as (

    select
        'views' as figure_id,
        area_id,
        views_from as broke_on,
        'views are told; impressions were told before' as reason
    from spans
    where impressions_from < views_from

)

select * from final
