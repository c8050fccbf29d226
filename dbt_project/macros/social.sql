{#- Which telling of one fact holds, and which metrics may be added. -#}

{#- The adapter that read an observation, from `name@version`. -#}
{% macro adapter_of(parser) %}{{ dbt.split_part(parser, "'@'", 1) }}{% endmacro %}

{#- Lower is believed first. An export that is dropped late has a late moment of its own, so moments decide only
    between tellings of one rank. Rule source: docs/sources/instagram.md. -#}
{% macro telling_precedence(adapter) %}
case {{ adapter }}
    when 'instagram_graph' then 1
    when 'instagram_webhook' then 2
    when 'instagram_business_suite' then 3
    when 'instagram_connector_tables' then 4
    when 'instagram_download' then 5
    else 9
end
{% endmacro %}

{#- Zero is a number of its own among what is published: who filters for it must not have to compare doubles. -#}
{% macro published_status(value_status, value) %}
case when {{ value_status }} = 'measured' and {{ value }} = 0 then 'measured_zero' else {{ value_status }} end
{% endmacro %}

{#- Every metric that a figure, a fact or a reader may meet. `additive_over` names what its values may be added over
    (days, posts, branches, accounts); nothing else may be added. `series` is what a chart may join: two metrics of
    different series are never put into one, whatever their names. Rule source: docs/figures.md, Social media. -#}
{% macro metric_definitions() %}
    {% set everything = ['days', 'posts', 'branches', 'accounts'] %}
    {% set per_post = ['posts', 'branches', 'accounts'] %}
    {% set metrics = {
        'reach': [[], 'accounts', none, none, 'Accounts that saw it at least once inside one stated window, as the platform estimates. Two windows, posts or accounts share people, so reaches are never added.'],
        'accounts_engaged': [[], 'accounts', none, none, 'Accounts that interacted inside one stated window; unique like reach.'],
        'views': [everything, 'views', '2025-04-21', none, 'Times it was played or shown. Another series than impressions.'],
        'impressions': [everything, 'impressions', none, '2025-04-21', 'Times it was shown, as counted until April 2025, and for posts from before 2024-07-02 only. Never put into one series with views.'],
        'plays': [everything, 'plays', none, '2025-04-21', 'Times a reel was started, replays apart. Never put into one series with views.'],
        'video_views': [everything, 'video views', none, '2025-01-08', 'Times a video was seen for three seconds. Never put into one series with views.'],
        'facebook_views': [everything, 'views', none, none, 'Views on Facebook of what was shared there.'],
        'crossposted_views': [everything, 'views', none, none, 'Views on Instagram and Facebook together. Holds views, so it is not added to them.'],
        'total_views': [everything, 'views', '2026-04-22', none, 'Views with advertising and Facebook. Another measure than views.'],
        'likes': [everything, 'likes', none, none, 'Likes less those taken back.'],
        'total_likes': [everything, 'likes', '2026-04-22', none, 'Likes with advertising and Facebook. Another measure than likes.'],
        'comments': [everything, 'comments', none, none, 'Comments less those deleted.'],
        'total_comments': [everything, 'comments', '2026-04-22', none, 'Comments with advertising and Facebook. Another measure than comments.'],
        'saved': [everything, 'saves', none, none, 'Times a post was saved, less those taken back; of an account it is called saves.'],
        'saves': [everything, 'saves', none, none, 'Times posts of the account were saved; of a post it is called saved.'],
        'shares': [everything, 'shares', none, none, 'Times it was sent on.'],
        'reposts': [everything, 'reposts', '2025-12-03', none, 'Times it was posted again by others.'],
        'replies': [everything, 'replies', none, none, 'Answers to a story. Says nothing for accounts in Europe.'],
        'total_interactions': [everything, 'interactions', none, none, 'Likes, saves, comments and shares less what was undone, so it can fall.'],
        'engagement': [everything, 'engagement', none, '2023-12-11', 'Likes, comments and saves, without shares: another measure than total_interactions.'],
        'follows': [everything, 'follows', none, none, 'Accounts that began to follow from this post.'],
        'follower_count': [everything, 'follows', none, none, 'New followers of one day. Not the followers in total.'],
        'follows_and_unfollows': [everything, 'follows', none, none, 'Accounts that began or ceased to follow, by follow type.'],
        'followers_count': [['accounts'], 'accounts', none, none, 'Followers in total at one moment: the last one holds. Who follows two accounts is two followers.'],
        'follows_count': [['accounts'], 'accounts', none, none, 'Accounts that the account follows, at one moment.'],
        'media_count': [['accounts'], 'posts', none, none, 'Posts on the profile at one moment, as the platform counts them.'],
        'profile_visits': [everything, 'visits of the profile', none, none, 'Visits of the profile from this post.'],
        'profile_views': [everything, 'visits of the profile', none, '2025-01-08', 'Visits of the profile, by day.'],
        'profile_activity': [everything, 'taps', none, none, 'Taps on the profile after this post.'],
        'profile_links_taps': [everything, 'taps', none, none, 'Taps on the profile to call, to write or to find the way.'],
        'link_clicks': [everything, 'taps', '2026-06-22', none, 'Taps on links of a story.'],
        'navigation': [everything, 'taps', none, none, 'Taps that left a story or went to another, by kind of tap.'],
        'taps_forward': [everything, 'taps', none, '2023-12-11', 'Taps to the next story.'],
        'taps_back': [everything, 'taps', none, '2023-12-11', 'Taps to the story before.'],
        'exits': [everything, 'taps', none, '2023-12-11', 'Times a story was left.'],
        'website_clicks': [everything, 'taps', none, '2025-01-08', 'Taps on the address in the profile.'],
        'email_contacts': [everything, 'taps', none, '2025-01-08', 'Taps on the profile to write a letter.'],
        'get_direction_clicks': [everything, 'taps', none, '2025-01-08', 'Taps on the profile to find the way.'],
        'text_message_clicks': [everything, 'taps', none, '2025-01-08', 'Taps on the profile to write a message.'],
        'phone_call_clicks': [everything, 'taps', none, '2025-01-08', 'Taps on the profile to call.'],
        'ig_reels_video_view_total_time': [everything, 'milliseconds', none, none, 'Time that a reel was played, replays included.'],
        'ig_reels_avg_watch_time': [[], 'milliseconds', none, none, 'Mean time that a reel was played. Means are weighted by views, never added.'],
        'reels_skip_rate': [[], 'percent', '2025-12-03', none, 'Share of views that ended in the first three seconds. Never added.'],
        'online_followers': [[], 'accounts', none, none, 'Followers who were online, by hour. One person is online in many hours.'],
        'follower_demographics': [[], 'accounts', none, none, 'Followers by group: the 45 largest groups, so their sum lies below the total.'],
        'engaged_audience_demographics': [[], 'accounts', none, none, 'Accounts that interacted, by group: the 45 largest.'],
        'reached_audience_demographics': [[], 'accounts', none, none, 'Accounts reached, by group: the 45 largest.'],
    } %}
    {{ return(metrics) }}
{% endmacro %}

{#- The sum of a column that holds one metric. Refuses, before anything runs, to add what must not be added; the
    comment that it leaves behind is what tests look for in the compiled SQL.

    Args:
        metric: as in core.dim_metric.
        column: holds that metric's values and nothing else.
        over: days, posts, branches or accounts. -#}
{% macro sum_metric(metric, column, over) %}
    {% set definition = metric_definitions().get(metric) %}
    {% if definition is none %}
        {{ exceptions.raise_compiler_error("metric " ~ metric ~ " is not defined; describe it in macros/social.sql, metric_definitions") }}
    {% endif %}
    {% if over not in definition[0] %}
        {{ exceptions.raise_compiler_error(
            "metric " ~ metric ~ " must not be added over " ~ over ~ ": " ~ definition[4]
            ~ " Take the value of one window, or write a ratio with sum_for_ratio."
        ) }}
    {% endif %}
sum({{ column }}) /* {{ metric }} over {{ over }} */
{%- endmacro %}

{#- The sum of a metric that must not be added, as the denominator of a rate and as nothing else. Never shown. -#}
{% macro sum_for_ratio(metric, column) %}
    {% if metric not in metric_definitions() %}
        {{ exceptions.raise_compiler_error("metric " ~ metric ~ " is not defined; describe it in macros/social.sql, metric_definitions") }}
    {% endif %}
sum({{ column }}) /* {{ metric }}, denominator only */
{%- endmacro %}

{#- One select per social figure: what was measured, whether it is known, and why not. The texts and conditions are SQL. -#}
{% macro social_figure(
    figure_id, relation, measured, is_known, unknown_note, known_share='1.0', known_note="''",
    unknown_status="'L'"
) %}
    select
        '{{ figure_id }}' as figure_id,
        {{ relation }}.area_id,
        {{ relation }}.branch_id,
        {{ relation }}.period_kind,
        {{ relation }}.period_start,
        {{ relation }}.period_end,
        {{ relation }}.is_whole,
        {{ relation }}.has_account,
        cast({{ measured }} as double precision) as measured,
        {{ is_known }} as is_known,
        cast({{ known_share }} as double precision) as known_share,
        {{ unknown_status }} as unknown_status,
        {{ unknown_note }} as unknown_note,
        {{ known_note }} as known_note
    from {{ relation }}
{% endmacro %}
