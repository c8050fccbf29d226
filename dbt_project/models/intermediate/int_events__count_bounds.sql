-- How many each event is at least and at most, by the doubts about it that are still open: told by two feeds and perhaps
-- one, taken out or called off by one feed only, perhaps moved; or called off, and people are reported. Two that are
-- perhaps one at two branches are one less at either of them, and one less in all; at branches of two areas one less in
-- either. Where no rule could place one of the two, both stand where the other does. People who are reported make no event
-- of what would not count had it been held.
with doubts as (

    select * from {{ ref('int_events__doubts') }}
    where is_open

),

events as (

    select * from {{ ref('int_events__events') }}

),

pairs as (

    select
        pairs.event_id,
        pairs.other_event_id,
        pairs.is_sure,
        events.owner_branch_id = 'unassigned' and not pairs.is_sure as is_unplaced,
        other_events.owner_branch_id = 'unassigned' and not pairs.is_sure as is_other_unplaced,
        coalesce(events.area_id, '') = coalesce(other_events.area_id, '') as is_same_area
    from {{ ref('int_events__doubtful_pairs') }} as pairs
    inner join events on pairs.event_id = events.event_id
    inner join events as other_events on pairs.other_event_id = other_events.event_id
    inner join doubts
        on
            doubts.doubt_kind = 'perhaps_one_event'
            and pairs.claim_id || ' ' || pairs.other_claim_id = doubts.subject_id

),

perhaps_not as (

    select
        event_id,
        1 as is_of_the_area
    from doubts
    where doubt_kind in ('one_source_took_it_out', 'one_source_cancelled_it', 'perhaps_moved')
    union all
    select
        other_event_id as event_id,
        1 as is_of_the_area
    from pairs
    where not is_unplaced
    union all
    select
        event_id,
        case when is_same_area and not is_unplaced then 0 else 1 end as is_of_the_area
    from pairs
    where not is_sure and not is_other_unplaced

),

less as (

    select
        event_id,
        max(is_of_the_area) as is_of_the_area
    from perhaps_not
    group by event_id

),

more as (

    select distinct doubts.event_id
    from doubts
    inner join {{ ref('int_events__count_rules') }} as rules on doubts.event_id = rules.event_id
    where
        doubts.doubt_kind = 'attendance_at_no_event'
        and rules.is_countable_when_held

),

final as (

    select
        events.event_id,
        case when events.is_countable and less.event_id is null then 1 else 0 end as least_count,
        case when events.is_countable and coalesce(less.is_of_the_area, 0) = 0 then 1 else 0 end as area_least_count,
        case when events.is_countable or more.event_id is not null then 1 else 0 end as most_count
    from events
    left join less on events.event_id = less.event_id
    left join more on events.event_id = more.event_id

)

select * from final
