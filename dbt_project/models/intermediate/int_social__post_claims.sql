-- Who tells of which post, and by what it was known to be the same one: its id, else the code of its address, else
-- account and second of publication, or the minute where a source tells no more. Nothing is joined by a moment that
-- fits two posts. Pictures of an album are no posts.
with tellings as (

    select
        account_id,
        source_id,
        {{ adapter_of('parser') }} as adapter,
        post_id as claimed_post_id,
        shortcode,
        posted_at,
        1 as listed,
        received_at
    from {{ ref('stg_instagram__posts') }}
    where parent_post_id is null

    union all

    select
        account_id,
        source_id,
        {{ adapter_of('parser') }} as adapter,
        subject_id as claimed_post_id,
        shortcode,
        cast(null as timestamp) as posted_at,
        0 as listed,
        received_at
    from {{ ref('stg_instagram__metrics') }}
    where subject_kind = 'post'

),

claims as (

    select
        account_id,
        source_id,
        adapter,
        {{ telling_precedence('adapter') }} as precedence,
        claimed_post_id,
        max(shortcode) as claimed_shortcode,
        max(posted_at) as claimed_at,
        max(listed) = 1 as is_listed,
        min(received_at) as first_told_at,
        max(received_at) as last_told_at,
        count(*) as telling_count
    from tellings
    group by account_id, source_id, adapter, claimed_post_id

),

-- one row per id and account: its code and moment by the source that is believed first
codes as (

    select
        account_id,
        claimed_post_id,
        claimed_shortcode,
        row_number() over (
            partition by account_id, claimed_post_id
            order by precedence asc, last_told_at desc, source_id asc
        ) as code_rank
    from claims
    where claimed_shortcode is not null

),

moments as (

    select
        account_id,
        claimed_post_id,
        claimed_at,
        adapter = 'instagram_business_suite' as is_minute_only,
        row_number() over (
            partition by account_id, claimed_post_id
            order by precedence asc, last_told_at desc, source_id asc
        ) as moment_rank
    from claims
    where claimed_at is not null

),

ids as (

    select
        claims.account_id,
        claims.claimed_post_id,
        codes.claimed_shortcode as shortcode,
        moments.claimed_at as posted_at,
        coalesce(moments.is_minute_only, false) as is_minute_only,
        min(case when claims.is_listed then 0 else 1 end) as unlisted,
        min(claims.precedence) as precedence,
        min(case when claims.adapter = 'instagram_business_suite' then 1 else 0 end) = 1 as is_suite_only
    from claims
    left join codes
        on
            claims.account_id = codes.account_id
            and claims.claimed_post_id = codes.claimed_post_id
            and codes.code_rank = 1
    left join moments
        on
            claims.account_id = moments.account_id
            and claims.claimed_post_id = moments.claimed_post_id
            and moments.moment_rank = 1
    group by
        claims.account_id, claims.claimed_post_id, codes.claimed_shortcode, moments.claimed_at, moments.is_minute_only

),

-- the same code under two ids: the id of the source that is believed first
named as (

    select
        ids.*,
        case
            when ids.shortcode is null then ids.claimed_post_id
            else first_value(ids.claimed_post_id) over (
                partition by ids.account_id, ids.shortcode
                order by ids.unlisted, ids.precedence, ids.claimed_post_id
            )
        end as post_id
    from ids
    where ids.claimed_post_id not like 'at:%'

),

-- an id that nobody else tells and that has no code: the minute can still say which post it is
loners as (

    select
        named.account_id,
        named.claimed_post_id,
        named.posted_at
    from named
    where named.is_suite_only and named.shortcode is null and named.posted_at is not null

),

anchors as (

    select distinct
        named.account_id,
        named.post_id,
        named.posted_at,
        named.is_minute_only
    from named
    left join loners
        on
            named.account_id = loners.account_id
            and named.claimed_post_id = loners.claimed_post_id
    where loners.claimed_post_id is null and named.claimed_post_id = named.post_id and named.posted_at is not null

),

loner_fits as (

    select
        loners.account_id,
        loners.claimed_post_id,
        anchors.post_id,
        count(*) over (partition by loners.account_id, loners.claimed_post_id) as anchor_count,
        count(*) over (partition by loners.account_id, anchors.post_id) as loner_count
    from loners
    inner join anchors
        on
            loners.account_id = anchors.account_id
            and cast({{ dbt.date_trunc('minute', 'anchors.posted_at') }} as timestamp) = loners.posted_at

),

-- of a minute that fits two posts, or that two ids claim, nothing is said
loner_pairs as (

    select
        account_id,
        claimed_post_id,
        max(case when anchor_count = 1 and loner_count = 1 then post_id end) as post_id
    from loner_fits
    group by account_id, claimed_post_id

),

resolved as (

    select
        named.account_id,
        named.claimed_post_id,
        case when loner_pairs.claimed_post_id is null then named.post_id else loner_pairs.post_id end as post_id,
        named.posted_at,
        named.is_minute_only,
        case
            when loner_pairs.post_id is not null then 'minute'
            when loner_pairs.claimed_post_id is not null then 'unmatched'
            when named.post_id <> named.claimed_post_id then 'shortcode'
            else 'post_id'
        end as identity_rule
    from named
    left join loner_pairs
        on
            named.account_id = loner_pairs.account_id
            and named.claimed_post_id = loner_pairs.claimed_post_id

),

unnamed as (

    select
        account_id,
        claimed_post_id,
        posted_at
    from ids
    where claimed_post_id like 'at:%' and posted_at is not null

),

unnamed_pairs as (

    select
        unnamed.account_id,
        unnamed.claimed_post_id,
        resolved.post_id,
        resolved.is_minute_only,
        case
            when resolved.is_minute_only
                then cast({{ dbt.date_trunc('minute', 'unnamed.posted_at') }} as timestamp) = resolved.posted_at
            else unnamed.posted_at = resolved.posted_at
        end as is_same_moment
    from unnamed
    inner join resolved
        on
            unnamed.account_id = resolved.account_id
            and resolved.claimed_post_id = resolved.post_id
            and abs({{ minutes_between('unnamed.posted_at', 'resolved.posted_at') }}) <= 2

),

unnamed_same as (

    select
        *,
        count(*) over (partition by account_id, claimed_post_id) as post_count,
        count(*) over (partition by account_id, post_id) as claim_count
    from unnamed_pairs
    where is_same_moment

),

unnamed_near as (

    select distinct
        account_id,
        claimed_post_id
    from unnamed_pairs

),

matched as (

    select
        account_id,
        claimed_post_id,
        post_id,
        identity_rule
    from resolved

    union all

    select
        unnamed.account_id,
        unnamed.claimed_post_id,
        case
            when unnamed_same.post_id is not null then unnamed_same.post_id
            when unnamed_near.claimed_post_id is null then unnamed.claimed_post_id
        end as post_id,
        case
            when unnamed_same.post_id is null and unnamed_near.claimed_post_id is null then 'alone'
            when unnamed_same.post_id is null then 'unmatched'
            when unnamed_same.is_minute_only then 'minute'
            else 'second'
        end as identity_rule
    from unnamed
    left join unnamed_same
        on
            unnamed.account_id = unnamed_same.account_id
            and unnamed.claimed_post_id = unnamed_same.claimed_post_id
            and unnamed_same.post_count = 1
            and unnamed_same.claim_count = 1
    left join unnamed_near
        on
            unnamed.account_id = unnamed_near.account_id
            and unnamed.claimed_post_id = unnamed_near.claimed_post_id

),

final as (

    select
        claims.account_id,
        matched.post_id,
        claims.source_id,
        claims.adapter,
        claims.precedence,
        claims.claimed_post_id,
        claims.claimed_shortcode,
        claims.claimed_at,
        coalesce(matched.identity_rule, 'unmatched') as identity_rule,
        claims.is_listed,
        claims.first_told_at,
        claims.last_told_at,
        claims.telling_count
    from claims
    left join matched
        on
            claims.account_id = matched.account_id
            and claims.claimed_post_id = matched.claimed_post_id

)

select * from final
