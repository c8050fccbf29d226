-- Fails when two snapshots of an account's followers differ by more than the platform's own daily follows and unfollows
-- between them let expect: a snapshot of another account, a lost day, or accounts that the platform removed. Of a day
-- that only begins or ends between the two snapshots all or nothing may have happened inside; the rest is a hundredth of
-- the followers. Months with a day untold are not judged. Compare both with the app's own page and set what is wrong
-- right there; nothing to do after a purge of false accounts, of which the platform tells in the news.
-- Which follow type is which is inferred: `follower` began to follow, `non_follower` ceased to.
{{ config(severity='warn', meta={'owner': 'team:communication'}) }}
with flows as (

    select
        account_id,
        window_start_at,
        window_end_at,
        max(case when breakdown = 'follow_type=follower' then value end) as gained,
        max(case when breakdown = 'follow_type=non_follower' then value end) as lost
    from {{ ref('int_social__account_metrics') }}
    where metric = 'follows_and_unfollows' and period = 'day' and window_days = 1 and value_status = 'measured'
    group by account_id, window_start_at, window_end_at

),

snapshots as (

    select
        account_id,
        cast({{ dbt.date_trunc('month', 'observed_on') }} as date) as month_start,
        observed_at,
        followers_count,
        row_number() over (
            partition by account_id, {{ dbt.date_trunc('month', 'observed_on') }}
            order by observed_at
        ) as first_rank,
        row_number() over (
            partition by account_id, {{ dbt.date_trunc('month', 'observed_on') }}
            order by observed_at desc
        ) as last_rank
    from {{ ref('int_social__snapshots') }}
    where followers_count is not null

),

spans as (

    select
        firsts.account_id,
        firsts.month_start,
        firsts.observed_at as first_at,
        lasts.observed_at as last_at,
        firsts.followers_count as first_count,
        lasts.followers_count as last_count
    from snapshots as firsts
    inner join snapshots as lasts
        on
            firsts.account_id = lasts.account_id
            and firsts.month_start = lasts.month_start
            and firsts.first_rank = 1
            and lasts.last_rank = 1
            and firsts.observed_at < lasts.observed_at

),

compared as (

    select
        spans.account_id,
        spans.month_start,
        spans.first_count,
        spans.last_count,
        min(flows.window_start_at) <= spans.first_at and max(flows.window_end_at) >= spans.last_at
        and count(*) = round({{ minutes_between('min(flows.window_start_at)', 'max(flows.window_end_at)') }} / 1440.0)
        and count(*) = count(flows.gained + flows.lost) as is_told,
        {% set is_inside = 'flows.window_start_at >= spans.first_at and flows.window_end_at <= spans.last_at' %}
        sum(case when {{ is_inside }} then flows.gained - flows.lost else flows.gained end) as most,
        sum(case when {{ is_inside }} then flows.gained - flows.lost else -flows.lost end) as least
    from spans
    inner join flows
        on
            spans.account_id = flows.account_id
            and spans.first_at < flows.window_end_at
            and spans.last_at > flows.window_start_at
    group by
        spans.account_id, spans.month_start, spans.first_at, spans.last_at, spans.first_count, spans.last_count

),

final as (

    select
        account_id,
        month_start,
        first_count,
        last_count,
        last_count - first_count as told_growth,
        least as least_expected,
        most as most_expected
    from compared
    where
        is_told
        and (
            last_count - first_count > most + 0.01 * first_count
            or last_count - first_count < least - 0.01 * first_count
        )

)

select * from final
