-- Which claims of different feeds are compared: the same local day, the slot from which one was moved, the same long id
-- and slot, or a person's decision, which stands beside the pair. The better believed claim comes first.
with claims as (

    select * from {{ ref('int_events__claims') }}
    where claim_id = posting_id and is_public

),

decisions as (

    select
        claims.posting_id,
        others.posting_id as other_posting_id,
        decisions.verdict,
        decisions.reason
    from {{ ref('stg_library__event_decisions') }} as decisions
    inner join {{ ref('int_events__claims') }} as claims
        on
            decisions.source_id = claims.source_id
            and decisions.series_id = claims.series_id
            and decisions.slot = claims.slot
    inner join {{ ref('int_events__claims') }} as others
        on
            decisions.other_source_id = others.source_id
            and decisions.other_series_id = others.series_id
            and decisions.other_slot = others.slot
    where decisions.verdict in ('same', 'different') and claims.posting_id <> others.posting_id

),

decided as (

    select
        least(posting_id, other_posting_id) as low_id,
        greatest(posting_id, other_posting_id) as high_id,
        -- of two that contradict each other through one posting the careful one holds
        min(verdict) as verdict,
        min(reason) as reason
    from decisions
    group by least(posting_id, other_posting_id), greatest(posting_id, other_posting_id)

),

ordered as (

    select
        claim_id,
        row_number() over (order by source_rank, claim_id) as claim_order
    from claims

),

pairs as (

    select
        claims.claim_id,
        others.claim_id as other_claim_id
    from claims
    inner join claims as others
        on
            claims.start_on = others.start_on
            and claims.source_rank < others.source_rank
    where not claims.is_report

    union

    select
        case when moved.source_rank < others.source_rank then moved.claim_id else others.claim_id end as claim_id,
        case when moved.source_rank < others.source_rank then others.claim_id else moved.claim_id end
            as other_claim_id
    from claims as moved
    inner join claims as others
        on
            moved.original_start_at = others.start_at
            and moved.source_id <> others.source_id
    where moved.is_moved and not others.is_report

    union

    select
        claims.claim_id,
        others.claim_id as other_claim_id
    from claims
    inner join claims as others
        on
            claims.series_id = others.series_id
            and claims.slot = others.slot
            and claims.source_rank < others.source_rank
    where length(claims.series_id) >= 12 and not claims.is_report

    union

    select
        case when lows.claim_order < highs.claim_order then decided.low_id else decided.high_id end as claim_id,
        case when lows.claim_order < highs.claim_order then decided.high_id else decided.low_id end as other_claim_id
    from decided
    inner join ordered as lows on decided.low_id = lows.claim_id
    inner join ordered as highs on decided.high_id = highs.claim_id

),

final as (

    select
        pairs.claim_id,
        pairs.other_claim_id,
        decided.verdict,
        decided.reason
    from pairs
    left join decided
        on
            least(pairs.claim_id, pairs.other_claim_id) = decided.low_id
            and greatest(pairs.claim_id, pairs.other_claim_id) = decided.high_id

)

select * from final
