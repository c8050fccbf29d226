-- What is known of posts and not counted, one row per gap, with what to do. Only a story that ended after the account
-- was first looked at could have been read; one that a later look at the stories should have shown stays open for 30
-- days. A webhook tells of stories only, and an hour after they ended.
with claims as (

    select * from {{ ref('int_social__post_claims') }}

),

posts as (

    select * from {{ ref('int_social__posts') }}

),

looks as (

    select
        account_id,
        min(first_told_at) as first_looked_at
    from claims
    where adapter = 'instagram_graph'
    group by account_id

),

-- the platform's own answers about a post; that nobody asked in time is none
answered as (

    select distinct
        account_id,
        post_id
    from {{ ref('int_social__metric_readings') }}
    where adapter = 'instagram_graph' and value_status <> 'not_collected'

),

stories as (

    select
        claims.account_id,
        claims.post_id,
        max(posts.posted_at) as posted_at,
        min(claims.first_told_at) as noticed_at,
        max(case when claims.adapter = 'instagram_graph' and claims.is_listed then 1 else 0 end) = 1 as is_polled,
        min(claims.precedence) as precedence
    from claims
    left join posts
        on
            claims.account_id = posts.account_id
            and claims.post_id = posts.post_id
    where claims.post_id is not null and (posts.product_type = 'STORY' or claims.adapter = 'instagram_webhook')
    group by claims.account_id, claims.post_id

),

untold_stories as (

    select
        stories.account_id,
        stories.post_id,
        stories.posted_at,
        stories.noticed_at,
        stories.is_polled,
        min(claims.source_id) as source_id,
        coalesce(
            max(looks.first_looked_at) < coalesce(stories.posted_at, {{ plus_minutes('stories.noticed_at', '-1440') }}), false
        ) as is_watched
    from stories
    inner join claims
        on
            stories.account_id = claims.account_id
            and stories.post_id = claims.post_id
            and stories.precedence = claims.precedence
    left join looks on stories.account_id = looks.account_id
    left join answered
        on
            stories.account_id = answered.account_id
            and stories.post_id = answered.post_id
    where
        answered.post_id is null
        and coalesce({{ plus_minutes('stories.posted_at', '1440') }} <= {{ as_of() }}, true)
    group by
        stories.account_id, stories.post_id, stories.posted_at, stories.noticed_at, stories.is_polled

),

listed as (

    select distinct
        account_id,
        post_id
    from claims
    where is_listed and post_id is not null

),

pictures as (

    select distinct
        account_id,
        post_id
    from {{ ref('stg_instagram__posts') }}
    where parent_post_id is not null

),

listing_sources as (

    select distinct
        account_id,
        source_id
    from claims
    where is_listed

),

untold_posts as (

    select
        claims.account_id,
        claims.claimed_post_id as post_id,
        claims.source_id,
        claims.first_told_at as noticed_at,
        case
            when claims.post_id is null then 'fits_two_posts'
            when claims.adapter = 'instagram_connector_tables' and listing_sources.source_id is not null
                then 'connector_tables_disagree'
            else 'measured_not_listed'
        end as gap_kind
    from claims
    left join listed
        on
            claims.account_id = listed.account_id
            and claims.post_id = listed.post_id
    left join untold_stories
        on
            claims.account_id = untold_stories.account_id
            and claims.post_id = untold_stories.post_id
    left join pictures
        on
            claims.account_id = pictures.account_id
            and claims.claimed_post_id = pictures.post_id
    left join listing_sources
        on
            claims.account_id = listing_sources.account_id
            and claims.source_id = listing_sources.source_id
    where listed.post_id is null and untold_stories.post_id is null and pictures.post_id is null

),

final as (

    select
        case when is_polled then 'story_not_read' else 'story_not_polled' end as gap_kind,
        account_id,
        post_id,
        source_id,
        posted_at,
        noticed_at,
        case
            when is_polled then 'a poll listed the story, and none was answered about it before it ended'
            else 'no poll listed the story: it is known by this source alone'
        end as message,
        case
            when not is_watched then 'Nothing to do: it was over before the account was polled.'
            else 'Poll every few hours, and see docs/runbooks/silent_source.md for why none came in time.'
        end as next_action,
        is_watched and {{ plus_minutes('noticed_at', '43200') }} > {{ as_of() }} as is_open
    from untold_stories

    union all

    select
        gap_kind,
        account_id,
        post_id,
        source_id,
        cast(null as timestamp) as posted_at,
        noticed_at,
        case gap_kind
            when 'fits_two_posts' then 'its moment fits two posts, or nearly one: nobody can say which it is'
            else 'the source measures a post that no source lists'
        end as message,
        case gap_kind
            when 'fits_two_posts' then 'Add a source that tells its id or its address (instagram_graph, or an export).'
            when 'connector_tables_disagree'
                then 'Export media_history again with all its posts, or drop an export of the time that lists it.'
            else
                'See core.fct_reject for a list of posts that could not be read, and add the source that lists the '
                || 'post: a connector''s media_history, or an export of the time.'
        end as next_action,
        true as is_open
    from untold_posts

)

select * from final
