{#- One round of giving claims to events. An event is an anchor (the claim that no better believed one explains) and what
    is like it. A claim goes to the anchor with most points, and never along a chain of weak likenesses: what is like a
    member but not like the anchor joins only through a strong likeness that nothing speaks against. At most one claim
    of each feed, and no two claims in conflict, become one event. What a person put together stays together: what speaks
    against it speaks neither against the claim nor against what is like it or like the others, unless a person said so.
    What finds no place waits for the next round.
    Portable: no recursion, and every choice is ordered by points and ids alone. -#}
{% macro match_round(previous) %}
with postings as (

    select
        claim_id,
        is_report,
        source_rank
    from {{ ref('int_events__claims') }}
    where claim_id = posting_id and is_public

),

pairs as (

    select * from {{ ref('int_events__claim_pairs') }}

),

{% if previous %}
settled as (

    select * from {{ previous }}

),
{% else %}
settled as (

    select
        claim_id,
        claim_id as anchor_id,
        0 as score,
        '' as match_rule,
        '' as match_reason
    from postings
    where 1 = 0

),
{% endif %}

waiting as (

    select postings.*
    from postings
    left join settled on postings.claim_id = settled.claim_id
    where settled.claim_id is null

),

accepted as (

    select
        claim_id,
        other_claim_id,
        score,
        coalesce(match_rule, '') = 'decided' as is_decided,
        match_rule,
        match_reason
    from pairs
    where is_accepted

),

strong as (

    select
        claim_id,
        other_claim_id,
        score,
        is_decided,
        match_reason
    from accepted
    where score >= 90
    union all
    select
        other_claim_id as claim_id,
        claim_id as other_claim_id,
        score,
        is_decided,
        match_reason
    from accepted
    where score >= 90

),

-- What need not or may not join through another. What was never compared may: of a holding that was moved to another
-- day, one feed tells the old day and one the new.
barred as (

    select
        claim_id,
        other_claim_id
    from pairs
    where conflict is not null or is_accepted
    union all
    select
        other_claim_id as claim_id,
        claim_id as other_claim_id
    from pairs
    where conflict is not null or is_accepted

),

offers as (

    select
        accepted.claim_id as anchor_id,
        accepted.other_claim_id as claim_id,
        accepted.score,
        accepted.is_decided,
        accepted.is_decided as is_explained,
        accepted.match_rule,
        accepted.match_reason
    from accepted
    inner join settled on accepted.claim_id = settled.claim_id and settled.claim_id = settled.anchor_id
    inner join waiting on accepted.other_claim_id = waiting.claim_id

    union all

    select
        settled.anchor_id,
        waiting.claim_id,
        max(strong.score) as score,
        max(case when strong.is_decided then 1 else 0 end) = 1 as is_decided,
        max(case when strong.is_decided or coalesce(settled.match_rule, '') = 'decided' then 1 else 0 end) = 1
            as is_explained,
        'through_claim' as match_rule,
        'like another claim of the event: ' || min(strong.match_reason) as match_reason
    from strong
    inner join settled on strong.claim_id = settled.claim_id and settled.claim_id <> settled.anchor_id
    inner join waiting on strong.other_claim_id = waiting.claim_id
    left join barred on settled.anchor_id = barred.claim_id and waiting.claim_id = barred.other_claim_id
    where barred.claim_id is null or strong.is_decided or coalesce(settled.match_rule, '') = 'decided'
    group by settled.anchor_id, waiting.claim_id

),

conflicts as (

    select
        claim_id,
        other_claim_id,
        coalesce(is_kept_apart, false) as is_kept_apart
    from pairs
    where conflict is not null
    union all
    select
        other_claim_id as claim_id,
        claim_id as other_claim_id,
        coalesce(is_kept_apart, false) as is_kept_apart
    from pairs
    where conflict is not null

),

refused as (

    select distinct
        offers.anchor_id,
        offers.claim_id
    from offers
    inner join waiting on offers.claim_id = waiting.claim_id
    inner join settled on offers.anchor_id = settled.anchor_id
    inner join postings on settled.claim_id = postings.claim_id
    left join conflicts on settled.claim_id = conflicts.claim_id and offers.claim_id = conflicts.other_claim_id
    where
        conflicts.is_kept_apart
        or (conflicts.claim_id is not null and not offers.is_explained and coalesce(settled.match_rule, '') <> 'decided')
        or (waiting.source_rank = postings.source_rank and not offers.is_decided)

),

open_offers as (

    select offers.*
    from offers
    left join refused on offers.anchor_id = refused.anchor_id and offers.claim_id = refused.claim_id
    where refused.claim_id is null

),

hopes as (

    select accepted.*
    from accepted
    inner join waiting as better on accepted.claim_id = better.claim_id
    inner join waiting on accepted.other_claim_id = waiting.claim_id

),

anchors as (

    select
        waiting.claim_id,
        waiting.source_rank
    from waiting
    left join hopes on waiting.claim_id = hopes.other_claim_id
    left join open_offers on waiting.claim_id = open_offers.claim_id
    where not waiting.is_report and hopes.claim_id is null and open_offers.claim_id is null

),

candidates as (

    select
        anchor_id,
        claim_id,
        score,
        is_decided,
        is_explained,
        match_rule,
        match_reason
    from open_offers

    union all

    select
        hopes.claim_id as anchor_id,
        hopes.other_claim_id as claim_id,
        hopes.score,
        hopes.is_decided,
        hopes.is_decided as is_explained,
        hopes.match_rule,
        hopes.match_reason
    from hopes
    inner join anchors on hopes.claim_id = anchors.claim_id

),

choices as (

    select
        candidates.*,
        postings.source_rank,
        row_number() over (
            partition by candidates.claim_id
            order by
                case when candidates.is_decided then 0 else 1 end,
                candidates.score desc, anchor_postings.source_rank asc, candidates.anchor_id asc
        ) as anchor_choice
    from candidates
    inner join postings on candidates.claim_id = postings.claim_id
    inner join postings as anchor_postings on candidates.anchor_id = anchor_postings.claim_id

),

best as (

    select
        *,
        row_number() over (
            partition by anchor_id, source_rank, case when is_decided then claim_id else '' end
            order by score desc, claim_id asc
        ) as claim_choice,
        row_number() over (
            partition by anchor_id
            order by score desc, source_rank asc, claim_id asc
        ) as claim_order
    from choices
    where anchor_choice = 1

),

outvoted as (

    select distinct best.claim_id
    from best
    inner join best as others
        on
            best.anchor_id = others.anchor_id
            and best.claim_order > others.claim_order
            and others.claim_choice = 1
    inner join conflicts on best.claim_id = conflicts.claim_id and others.claim_id = conflicts.other_claim_id
    where conflicts.is_kept_apart or not (best.is_explained or others.is_explained)

),

final as (

    select
        claim_id,
        anchor_id,
        score,
        match_rule,
        match_reason
    from settled

    union all

    select
        claim_id,
        claim_id as anchor_id,
        100 as score,
        'anchor' as match_rule,
        'no better believed claim is like it' as match_reason
    from anchors

    union all

    select
        best.claim_id,
        best.anchor_id,
        best.score,
        best.match_rule,
        best.match_reason
    from best
    left join outvoted on best.claim_id = outvoted.claim_id
    where best.claim_choice = 1 and outvoted.claim_id is null

)

select * from final
{% endmacro %}
