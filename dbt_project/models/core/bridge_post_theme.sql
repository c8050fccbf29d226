with posts as (

    select * from {{ ref('int_social__posts') }}

),

rules as (

    select * from {{ ref('stg_library__post_rules') }}
    where kind = 'theme'

),

final as (

    select
        posts.account_id,
        posts.post_id,
        rules.theme_id,
        min(rules.rule_id) as rule_id
    from posts
    inner join rules
        on
            {{ valid_on('rules', 'posts.posted_on') }}
            and {{ dbt.position("' ' || rules.hashtag || ' '", "' ' || coalesce(posts.hashtags, '') || ' '") }} > 0
    group by posts.account_id, posts.post_id, rules.theme_id

)

select * from final
