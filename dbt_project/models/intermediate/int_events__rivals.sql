-- Of two events that may be one, the one that is no event of its own where only the other is reported. What the best
-- believed feed of all tells, and another feed tells the other, is never that one: that the other took place says nothing
-- of it.
with reporters as (

    select distinct source_id from {{ ref('int_events__attendance_reports') }}

),

feeds as (

    select
        identity.event_id,
        min(identity.source_rank) as feed_rank
    from {{ ref('int_events__identity') }} as identity
    left join reporters on identity.source_id = reporters.source_id
    where not identity.is_report and not identity.is_superseded and reporters.source_id is null
    group by identity.event_id

),

best as (

    select min(feed_rank) as best_rank
    from feeds

),

both_ways as (

    select
        event_id,
        other_event_id,
        is_same_branch
    from {{ ref('int_events__likely_pairs') }}
    union all
    select
        other_event_id as event_id,
        event_id as other_event_id,
        is_same_branch
    from {{ ref('int_events__likely_pairs') }}

),

final as (

    select
        both_ways.event_id,
        both_ways.other_event_id,
        both_ways.is_same_branch
    from both_ways
    left join feeds on both_ways.event_id = feeds.event_id
    left join feeds as other_feeds on both_ways.other_event_id = other_feeds.event_id
    cross join best
    where not coalesce(feeds.feed_rank = best.best_rank and other_feeds.feed_rank > best.best_rank, false)

)

select * from final
