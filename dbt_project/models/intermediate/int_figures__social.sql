with areas as (

    select
        *,
        cast(null as {{ dbt.type_string() }}) as branch_id,
        post_count as told_count
    from {{ ref('int_social__area_periods') }}

),

{% set columns = [
    'area_id', 'branch_id', 'period_kind', 'period_start', 'period_end', 'is_whole', 'has_account', 'is_asked',
    'told_count', 'post_count', 'viewed_count', 'views', 'interacted_count', 'interactions', 'measured_count',
    'reached_interactions', 'summed_post_reach'
] %}
scopes as (

    select {{ columns | join(', ') }} from areas
    union all
    select {{ columns | join(', ') }} from {{ ref('int_social__branch_periods') }}

),

unassigned as (

    select
        area_id,
        period_kind,
        period_start,
        max(case when branch_id = 'unassigned' then post_count end) as post_count
    from {{ ref('int_social__branch_periods') }}
    group by area_id, period_kind, period_start

),

{% set not_asked = "'the account was not asked for its posts after the period ended'" %}

followers as (
    {{ social_figure('followers', 'areas', 'followers_count', 'followers_count is not null',
        "'no snapshot of the account inside the period'") }}
),

follower_growth as (
    {{ social_figure('follower_growth', 'areas', 'follower_growth', 'follower_growth is not null',
        "'no snapshot near the end of the period or of the one before: growth is not told over a gap'") }}
),

posts as (
    {{ social_figure('posts', 'scopes', 'post_count', 'is_asked', not_asked) }}
),

days_since_last_post as (
    {{ social_figure('days_since_last_post', 'areas', 'days_since_last_post', 'is_asked and days_since_last_post is not null',
        "case when is_asked then 'no post is known from before the end of the period' else " ~ not_asked ~ " end") }}
),

views as (
    {{ social_figure('views', 'scopes', 'case when told_count = 0 then 0.0 else views end',
        'is_asked and viewed_count = told_count',
        "case when is_asked then cast(viewed_count as " ~ dbt.type_string() ~ ") || ' of ' || cast(told_count as "
        ~ dbt.type_string() ~ ") || ' posts have views' else " ~ not_asked ~ " end") }}
),

interactions as (
    {{ social_figure('interactions', 'scopes', 'case when told_count = 0 then 0.0 else interactions end',
        'is_asked and interacted_count = told_count',
        "case when is_asked then cast(interacted_count as " ~ dbt.type_string() ~ ") || ' of ' || cast(told_count as "
        ~ dbt.type_string() ~ ") || ' posts have interactions' else " ~ not_asked ~ " end") }}
),

engagement as (
    {{ social_figure('engagement_rate', 'scopes',
        'case when summed_post_reach > 0 then reached_interactions / summed_post_reach end',
        'is_asked and coalesce(summed_post_reach, 0) > 0', "case when is_asked then 'no post of the period has both interactions and reach' else " ~ not_asked ~ " end",
        'case when told_count > 0 then cast(measured_count as double precision) / told_count end',
        "'summed interactions per summed post reach, not per person'") }}
),

reach_28_days as (
    {{ social_figure('reach_28_days', 'areas', 'reach_28_days', 'reach_28_days is not null',
        "case when account_count > 1 then 'several accounts: people reached by two of them can not be added' "
        ~ "else 'no reach over 28 days was told for a window that ended in the period' end") }}
),

unassigned_areas as (

    select
        areas.*,
        unassigned.post_count as unassigned_count
    from areas
    left join unassigned
        on
            areas.area_id = unassigned.area_id
            and areas.period_kind = unassigned.period_kind
            and areas.period_start = unassigned.period_start

),

unassigned_share as (
    {{ social_figure('posts_unassigned_share', 'unassigned_areas',
        'case when post_count > 0 then coalesce(unassigned_count, 0.0) / post_count end',
        'is_asked and post_count > 0 and unassigned_count is not null',
        "case when not is_asked then " ~ not_asked
        ~ " when post_count = 0 then 'no post in the period: a share of nothing' "
        ~ "else 'no rule or decision says which branch a post speaks for' end",
        unknown_status="case when is_asked and post_count = 0 then 'M' else 'L' end") }}
),

all_figures as (

    select * from followers
    union all
    select * from follower_growth
    union all
    select * from posts
    union all
    select * from days_since_last_post
    union all
    select * from views
    union all
    select * from interactions
    union all
    select * from engagement
    union all
    select * from reach_28_days
    union all
    select * from unassigned_share

),

final as (

    select
        figure_id,
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        case when is_whole and has_account and is_known then measured end as value,
        case when is_whole and has_account and is_known then known_share end as quantity_share,
        case
            when not is_whole then 'O'
            when not has_account then 'L'
            when not is_known then unknown_status
            else 'A'
        end as status_value,
        case
            when not is_whole then 'the period is not whole: it began before reporting or has not ended'
            when not has_account then 'no account is described for the area'
            when not is_known then unknown_note
            else known_note
        end as note
    from all_figures

)

select
    figure_id,
    area_id,
    branch_id,
    period_kind,
    period_start,
    period_end,
    value,
    value as value_low,
    value as value_high,
    cast(null as double precision) as observed_share,
    quantity_share,
    case when value is not null then 'counted' else 'none' end as method,
    status_value,
    note
from final
