-- Followers: the last snapshot inside the period, never a sum over time; growth between the ends of two periods, both of
-- which need a snapshot near their end. Posts: a zero is known only when the account was asked after the period ended.
-- Reach of 28 days: the last such window that ended in the period; two windows or two accounts are never added.
-- Engagement: summed interactions over summed post reach, of posts that have both.
with day_periods as (

    select * from {{ ref('int_calendar__day_periods') }}

),

accounts as (

    select * from {{ ref('stg_library__accounts') }}

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

areas as (

    select * from {{ ref('stg_library__areas') }}

),

area_periods as (

    select
        areas.area_id,
        day_periods.period_kind,
        day_periods.period_start,
        day_periods.period_end,
        day_periods.is_whole,
        count(distinct accounts.account_id) as account_count
    from areas
    inner join day_periods on {{ valid_on('areas', 'day_periods.local_date') }}
    left join accounts
        on
            areas.area_id = accounts.area_id
            and {{ valid_on('accounts', 'day_periods.local_date') }}
    group by
        areas.area_id, day_periods.period_kind, day_periods.period_start, day_periods.period_end,
        day_periods.is_whole

),

last_days as (

    select
        area_periods.area_id,
        area_periods.period_kind,
        area_periods.period_start,
        area_periods.period_end,
        accounts.account_id
    from area_periods
    inner join accounts
        on
            area_periods.area_id = accounts.area_id
            and {{ valid_on('accounts', dbt.dateadd('day', -1, 'area_periods.period_end')) }}

),

snapshots as (

    select
        snapshots.area_id,
        day_periods.period_kind,
        day_periods.period_start,
        day_periods.period_end,
        snapshots.account_id,
        snapshots.observed_on,
        snapshots.followers_count,
        row_number() over (
            partition by
                snapshots.account_id, day_periods.period_kind, day_periods.period_start
            order by snapshots.observed_at desc
        ) as snapshot_rank,
        row_number() over (
            partition by
                snapshots.area_id, snapshots.account_id, day_periods.period_kind, day_periods.period_start
            order by snapshots.observed_at desc
        ) as area_snapshot_rank
    from {{ ref('int_social__snapshots') }} as snapshots
    inner join day_periods on snapshots.observed_on = day_periods.local_date
    where snapshots.followers_count is not null

),

followers as (

    select
        area_id,
        period_kind,
        period_start,
        {{ sum_metric('followers_count', 'followers_count', 'accounts') }} as followers_count,
        count(*) as snapshot_count
    from snapshots
    where area_snapshot_rank = 1
    group by area_id, period_kind, period_start

),

-- the last snapshot of a period says what its end was like only when it lies near that end
ends as (

    select
        account_id,
        period_kind,
        period_start,
        period_end,
        followers_count
    from snapshots
    where snapshot_rank = 1 and {{ days_between('observed_on', 'period_end') }} <= {{ var('snapshot_gap_days') }}

),

growth as (

    select
        last_days.area_id,
        last_days.period_kind,
        last_days.period_start,
        count(*) as account_count,
        count(ends.followers_count - bases.followers_count) as grown_count,
        {{ sum_metric('followers_count', 'ends.followers_count - bases.followers_count', 'accounts') }}
            as follower_growth
    from last_days
    left join ends
        on
            last_days.account_id = ends.account_id
            and last_days.period_kind = ends.period_kind
            and last_days.period_start = ends.period_start
    left join ends as bases
        on
            last_days.account_id = bases.account_id
            and last_days.period_kind = bases.period_kind
            and last_days.period_start = bases.period_end
    group by last_days.area_id, last_days.period_kind, last_days.period_start

),

account_asked as (

    select
        posts.account_id,
        max(cast({{ to_local('fetches.received_at', 'settings.zone') }} as date)) as asked_on
    from {{ ref('stg_landing__fetches') }} as fetches
    inner join {{ ref('stg_instagram__posts') }} as posts on fetches.blob_sha256 = posts.blob_sha256
    cross join settings
    -- A dropped export says nothing of the days after it was made, nor of those that it was not asked for. Neither a
    -- look at stories nor the end of one post is a look at the list.
    where
        fetches.status = 'ok' and fetches.how = 'poll'
        and coalesce(posts.product_type, 'FEED') <> 'STORY' and coalesce(posts.presence, 'listed') <> 'gone'
    group by posts.account_id

),

area_accounts as (

    select distinct
        area_id,
        account_id
    from accounts

),

asked as (

    select
        area_accounts.area_id,
        min(account_asked.asked_on) as asked_on,
        count(*) = count(account_asked.asked_on) as is_every_account_asked
    from area_accounts
    left join account_asked on area_accounts.account_id = account_asked.account_id
    group by area_accounts.area_id

),

last_posts as (

    select
        last_days.area_id,
        last_days.period_kind,
        last_days.period_start,
        max(posts.posted_on) as last_posted_on
    from last_days
    inner join {{ ref('int_social__posts') }} as posts
        on
            last_days.account_id = posts.account_id
            and last_days.period_end > posts.posted_on
    where coalesce(posts.product_type, 'FEED') in ('FEED', 'REELS')
    group by last_days.area_id, last_days.period_kind, last_days.period_start

),

reach_windows as (

    select
        windows.area_id,
        day_periods.period_kind,
        day_periods.period_start,
        windows.value,
        row_number() over (
            partition by windows.area_id, day_periods.period_kind, day_periods.period_start
            order by windows.window_end_at desc, windows.account_id asc
        ) as window_rank
    from {{ ref('int_social__account_metrics') }} as windows
    inner join day_periods on windows.metric_on = day_periods.local_date
    where
        windows.metric = 'reach' and windows.breakdown = '' and windows.value_status = 'measured'
        and windows.period in ('window', 'days_28') and windows.window_days = 28

),

posts as (

    select
        posts.area_id,
        day_periods.period_kind,
        day_periods.period_start,
        count(*) as post_count,
        count(measures.views) as viewed_count,
        {{ sum_metric('views', 'measures.views', 'posts') }} as views,
        count(measures.interactions) as interacted_count,
        {{ sum_metric('total_interactions', 'measures.interactions', 'posts') }} as interactions,
        count(case when measures.reach is not null then measures.interactions end) as measured_count,
        {{ sum_metric('total_interactions', 'case when measures.reach is not null then measures.interactions end', 'posts') }}
            as reached_interactions,
        {{ sum_for_ratio('reach', 'case when measures.interactions is not null then measures.reach end') }}
            as summed_post_reach
    from {{ ref('int_social__posts') }} as posts
    inner join day_periods on posts.posted_on = day_periods.local_date
    left join {{ ref('int_social__post_measures') }} as measures
        on
            posts.account_id = measures.account_id
            and posts.post_id = measures.post_id
    where coalesce(posts.product_type, 'FEED') in ('FEED', 'REELS')
    group by posts.area_id, day_periods.period_kind, day_periods.period_start

),

final as (

    select
        area_periods.area_id,
        area_periods.period_kind,
        area_periods.period_start,
        area_periods.period_end,
        area_periods.is_whole,
        area_periods.account_count > 0 as has_account,
        area_periods.account_count,
        case when followers.snapshot_count >= area_periods.account_count then followers.followers_count end
            as followers_count,
        case when growth.grown_count = growth.account_count then growth.follower_growth end as follower_growth,
        coalesce(asked.is_every_account_asked and asked.asked_on >= area_periods.period_end, false) as is_asked,
        coalesce(posts.post_count, 0) as post_count,
        {{ days_between('last_posts.last_posted_on', 'area_periods.period_end') }} - 1 as days_since_last_post,
        coalesce(posts.viewed_count, 0) as viewed_count,
        posts.views,
        coalesce(posts.interacted_count, 0) as interacted_count,
        posts.interactions,
        coalesce(posts.measured_count, 0) as measured_count,
        posts.reached_interactions,
        posts.summed_post_reach,
        case when area_periods.account_count = 1 then reach_windows.value end as reach_28_days
    from area_periods
    left join followers
        on
            area_periods.area_id = followers.area_id
            and area_periods.period_kind = followers.period_kind
            and area_periods.period_start = followers.period_start
    left join growth
        on
            area_periods.area_id = growth.area_id
            and area_periods.period_kind = growth.period_kind
            and area_periods.period_start = growth.period_start
    left join asked on area_periods.area_id = asked.area_id
    left join last_posts
        on
            area_periods.area_id = last_posts.area_id
            and area_periods.period_kind = last_posts.period_kind
            and area_periods.period_start = last_posts.period_start
    left join posts
        on
            area_periods.area_id = posts.area_id
            and area_periods.period_kind = posts.period_kind
            and area_periods.period_start = posts.period_start
    left join reach_windows
        on
            area_periods.area_id = reach_windows.area_id
            and area_periods.period_kind = reach_windows.period_kind
            and area_periods.period_start = reach_windows.period_start
            and reach_windows.window_rank = 1

)

select * from final
