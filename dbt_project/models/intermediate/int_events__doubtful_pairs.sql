-- Two events that both count and may be one: a person should say whether they are.
with rules as (

    select * from {{ ref('int_events__count_rules') }}
    where is_countable

),

final as (

    select
        pairs.event_id,
        pairs.other_event_id,
        pairs.claim_id,
        pairs.other_claim_id,
        pairs.is_same_branch,
        pairs.score,
        pairs.match_reason
    from {{ ref('int_events__likely_pairs') }} as pairs
    inner join rules on pairs.event_id = rules.event_id
    inner join rules as other_rules on pairs.other_event_id = other_rules.event_id

)

select * from final
