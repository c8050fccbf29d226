-- Two events that both count and may be one: a person should say whether they are. Where who reports attendance lists one of
-- two at two branches, that one stands, and the other is the one that may go.
with rules as (

    select * from {{ ref('int_events__count_rules') }}
    where is_countable

),

reported as (

    select * from {{ ref('int_events__reported') }}
    where not is_reported_cancelled

),

alike as (

    select
        pairs.*,
        reported.event_id is not null as is_listed,
        other_reported.event_id is not null as is_other_listed,
        not pairs.is_same_branch and reported.event_id is null and other_reported.event_id is not null as is_turned
    from {{ ref('int_events__likely_pairs') }} as pairs
    inner join rules on pairs.event_id = rules.event_id
    inner join rules as other_rules on pairs.other_event_id = other_rules.event_id
    left join reported on pairs.event_id = reported.event_id
    left join reported as other_reported on pairs.other_event_id = other_reported.event_id

),

final as (

    select
        case when is_turned then other_event_id else event_id end as event_id,
        case when is_turned then event_id else other_event_id end as other_event_id,
        case when is_turned then other_claim_id else claim_id end as claim_id,
        case when is_turned then claim_id else other_claim_id end as other_claim_id,
        is_same_branch,
        is_same_branch or is_listed <> is_other_listed as is_sure,
        score,
        match_reason
    from alike

)

select * from final
