-- A story that nobody read in time has a row for what the polls ask of every story: null, and said to be a gap.
with metrics as (

    select * from {{ ref('int_social__post_metrics') }}

),

asked_of_stories as (

    select 'reach' as metric
    union all
    select 'views' as metric

),

gaps as (

    select
        gaps.post_id,
        gaps.account_id,
        asked_of_stories.metric,
        cast(null as double precision) as value,
        'not_collected' as value_status,
        gaps.noticed_at as observed_at,
        cast(null as double precision) as first_value,
        cast(null as timestamp) as first_observed_at,
        cast(0 as bigint) as reading_count,
        gaps.source_id
    from {{ ref('int_social__post_gaps') }} as gaps
    cross join asked_of_stories
    left join metrics
        on
            gaps.account_id = metrics.account_id
            and gaps.post_id = metrics.post_id
            and asked_of_stories.metric = metrics.metric
    where gaps.gap_kind in ('story_not_polled', 'story_not_read') and metrics.post_id is null

),

final as (

    select
        post_id,
        account_id,
        metric,
        value,
        {{ published_status('value_status', 'value') }} as value_status,
        observed_at,
        first_value,
        first_observed_at,
        reading_count,
        source_id
    from metrics

    union all

    select * from gaps

)

select * from final
