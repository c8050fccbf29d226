with periods as (

    select * from {{ ref('int_social__area_periods') }}

),

followers as (

    select
        'followers' as figure_id,
        area_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        has_account,
        cast(followers_count as double precision) as measured,
        followers_count is not null as is_known,
        1.0 as known_share,
        'no snapshot of the account inside the period' as unknown_note
    from periods

),

posts as (

    select
        'posts' as figure_id,
        area_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        has_account,
        cast(post_count as double precision) as measured,
        is_asked as is_known,
        1.0 as known_share,
        'the account was not asked for its posts after the period ended' as unknown_note
    from periods

),

engagement as (

    select
        'engagement_rate' as figure_id,
        area_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        has_account,
        case when summed_post_reach > 0 then cast(interactions as double precision) / summed_post_reach end as measured,
        is_asked and coalesce(summed_post_reach, 0) > 0 as is_known,
        case when post_count > 0 then cast(measured_count as double precision) / post_count end as known_share,
        'no post of the period has both interactions and reach' as unknown_note
    from periods

),

all_figures as (

    select * from followers
    union all
    select * from posts
    union all
    select * from engagement

),

final as (

    select
        figure_id,
        area_id,
        cast(null as {{ dbt.type_string() }}) as branch_id,
        period_kind,
        period_start,
        period_end,
        case when is_whole and has_account and is_known then measured end as value,
        case when is_whole and has_account and is_known then known_share end as quantity_share,
        case
            when not is_whole then 'O'
            when not has_account or not is_known then 'L'
            else 'A'
        end as status_value,
        case
            when not is_whole then 'the period is not whole: it began before reporting or has not ended'
            when not has_account then 'no account is described for the area'
            when not is_known then unknown_note
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
