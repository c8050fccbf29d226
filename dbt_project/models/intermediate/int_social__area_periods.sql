-- Followers: the last snapshot inside the period, never a sum. Posts: a zero is known only when the account was asked
-- after the period ended. Engagement: summed interactions over summed post reach, of posts that have both.
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

snapshots as (

    select
        snapshots.area_id,
        day_periods.period_kind,
        day_periods.period_start,
        snapshots.account_id,
        snapshots.followers_count,
        row_number() over (
            partition by
                snapshots.area_id, snapshots.account_id, day_periods.period_kind, day_periods.period_start
            order by snapshots.observed_at desc
        ) as snapshot_rank
    from {{ ref('int_social__snapshots') }} as snapshots
    inner join day_periods on snapshots.observed_on = day_periods.local_date
    where snapshots.followers_count is not null

),

followers as (

    select
        area_id,
        period_kind,
        period_start,
        sum(followers_count) as followers_count
    from snapshots
    where snapshot_rank = 1
    group by area_id, period_kind, period_start

),

asked as (

    select
        accounts.area_id,
        max(cast({{ to_local('fetches.received_at', 'settings.zone') }} as date)) as asked_on
    from {{ ref('stg_landing__fetches') }} as fetches
    inner join {{ ref('stg_instagram__posts') }} as posts on fetches.blob_sha256 = posts.blob_sha256
    inner join accounts on posts.account_id = accounts.account_id
    cross join settings
    -- A dropped export says nothing of the days after it was made, nor of those that it was not asked for.
    where fetches.status = 'ok' and fetches.how = 'poll'
    group by accounts.area_id

),

metrics as (

    select
        post_id,
        max(case when metric = 'total_interactions' and value_status = 'measured' then value end) as interactions,
        max(case when metric = 'reach' and value_status = 'measured' then value end) as reach
    from {{ ref('int_social__post_metrics') }}
    group by post_id

),

posts as (

    select
        posts.area_id,
        day_periods.period_kind,
        day_periods.period_start,
        count(*) as post_count,
        sum(case when metrics.interactions is not null and metrics.reach is not null then 1 else 0 end)
            as measured_count,
        sum(case when metrics.interactions is not null and metrics.reach is not null then metrics.interactions end)
            as interactions,
        sum(case when metrics.interactions is not null and metrics.reach is not null then metrics.reach end)
            as summed_post_reach
    from {{ ref('int_social__posts') }} as posts
    inner join day_periods on posts.posted_on = day_periods.local_date
    left join metrics on posts.post_id = metrics.post_id
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
        followers.followers_count,
        coalesce(asked.asked_on >= area_periods.period_end, false) as is_asked,
        coalesce(posts.post_count, 0) as post_count,
        coalesce(posts.measured_count, 0) as measured_count,
        posts.interactions,
        posts.summed_post_reach
    from area_periods
    left join followers
        on
            area_periods.area_id = followers.area_id
            and area_periods.period_kind = followers.period_kind
            and area_periods.period_start = followers.period_start
    left join asked on area_periods.area_id = asked.area_id
    left join posts
        on
            area_periods.area_id = posts.area_id
            and area_periods.period_kind = posts.period_kind
            and area_periods.period_start = posts.period_start

)

select * from final
