{#- The CTEs that say which branches each row of the CTE `posts` speaks for, down to `final`. One text for posts as they
    are and for each version of their captions, so that a history can't be told by other rules.

    Args:
        keys: columns that name a row of `posts`, which has area_id, posted_on, product_type, shortcode, hashtags and
            caption_references beside them. -#}
{% macro attribution_ctes(keys) %}
{% set own = keys | join(', ') %}
{% set told, same = [], [] %}
{% for key in keys %}
    {% do told.append('posts.' ~ key) %}
    {% do same.append('posts.' ~ key ~ ' = placed.' ~ key) %}
{% endfor %}
rules as (

    select * from {{ ref('stg_library__post_rules') }}
    where kind <> 'theme'

),

memberships as (

    select * from {{ ref('stg_library__branch_areas') }}

),

decided as (

    select
        {{ told | join(', ') }},
        1 as kind_rank,
        0 as rule_number,
        decisions.branch_id,
        'decision' as rule_kind,
        'decision' as rule_id,
        decisions.reason
    from posts
    inner join {{ ref('stg_library__post_decisions') }} as decisions
        on decisions.post in (posts.post_id, posts.shortcode)

),

tagged as (

    select
        {{ told | join(', ') }},
        case rules.kind
            when 'branch_hashtag' then 2 when 'event_hashtag' then 3 when 'event_link' then 3 when 'branch_mention' then 4
            else 5
        end as kind_rank,
        rules.rule_number,
        rules.branch_id,
        rules.kind as rule_kind,
        rules.rule_id,
        rules.reason
    from posts
    inner join rules
        on
            {{ valid_on('rules', 'posts.posted_on') }}
            and (
                rules.hashtag is null
                or {{ dbt.position("' ' || rules.hashtag || ' '", "' ' || coalesce(posts.hashtags, '') || ' '") }} > 0
            )
            and (
                rules.caption_reference is null
                or {{ dbt.position(
                    "' ' || rules.caption_reference || ' '", "' ' || coalesce(posts.caption_references, '') || ' '"
                ) }} > 0
            )
    left join memberships
        on
            rules.branch_id = memberships.branch_id
            and posts.area_id = memberships.area_id
            and {{ valid_on('memberships', 'posts.posted_on') }}
    where rules.branch_id is null or memberships.branch_id is not null

),

candidates as (

    select * from decided
    union all
    select * from tagged

),

ranked as (

    select
        *,
        min(kind_rank) over (partition by {{ own }}) as first_kind_rank,
        row_number() over (
            partition by {{ own }}, kind_rank, coalesce(branch_id, '')
            order by rule_number, rule_id
        ) as branch_rank
    from candidates

),

placed as (

    select
        *,
        count(*) over (partition by {{ own }}) as share_count
    from ranked
    where kind_rank = first_kind_rank and branch_rank = 1

),

final as (

    select
        {{ told | join(', ') }},
        posts.area_id,
        posts.posted_on,
        posts.product_type,
        case
            when placed.post_id is null then 'unassigned'
            when placed.branch_id is null then 'shared'
            else 'branch'
        end as attribution,
        placed.branch_id,
        coalesce(placed.rule_kind, 'none') as rule_kind,
        placed.rule_id,
        coalesce(placed.reason, 'no rule and no decision names a branch') as reason,
        1.0 / coalesce(placed.share_count, 1) as weight
    from posts
    left join placed
        on
            {{ same | join('\n            and ') }}

)
{% endmacro %}
