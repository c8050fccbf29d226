-- Which claims are one event. What no round could place is an event of its own: two events told as two are a smaller
-- fault than two told as one.
with claims as (

    select * from {{ ref('int_events__claims') }}

),

matches as (

    select * from {{ ref('int_events__matches_4') }}

),

joined as (

    select
        claims.claim_id,
        claims.posting_id,
        claims.posting_rule,
        claims.is_superseded,
        claims.is_report,
        claims.source_id,
        claims.source_rank,
        coalesce(
            matches.anchor_id, case when not claims.is_report then claims.posting_id end
        ) as event_id,
        coalesce(matches.score, 100) as score,
        coalesce(matches.match_rule, 'anchor') as match_rule,
        coalesce(matches.match_reason, 'nothing else is like it') as match_reason
    from claims
    left join matches on claims.posting_id = matches.claim_id

),

counted as (

    select
        *,
        sum(case when is_report then 0 else 1 end) over (partition by event_id) as claim_count
    from joined
    where event_id is not null

),

final as (

    select
        event_id,
        claim_id,
        is_report,
        source_id,
        source_rank,
        case when claim_id <> posting_id then 100 else score end as score,
        case
            when claim_id <> posting_id then posting_rule
            when match_rule = 'anchor' and claim_count = 1 then 'single_claim'
            else match_rule
        end as match_rule,
        case
            when posting_rule = 'posted_anew'
                then 'posted anew with the same words as another record of the feed went missing'
            when posting_rule = 'same_feed_twice' then 'start, place and words are those of another record of the feed'
            when match_rule = 'anchor' and claim_count = 1 then 'only this claim tells of it'
            else match_reason
        end as match_reason,
        claim_id = event_id as is_anchor,
        is_superseded
    from counted

)

select * from final
