-- Two events that may be one, whether they count or not: within ten points of it with a word in common, one name at one
-- minute at two branches, one name at one branch within two hours, or at one minute all that either feed has at the branch
-- that day. Not where one feed tells both: whoever enters both means two.
with settings as (

    select * from {{ ref('stg_library__event_identity') }}

),

identity as (

    select * from {{ ref('int_events__identity') }}
    where not is_report and not is_superseded

),

events as (

    select
        holdings.event_id,
        coalesce(holdings.owner_branch_id, 'unassigned') as owner_branch_id
    from {{ ref('int_events__holdings') }} as holdings

),

ranks as (

    select
        event_id,
        min(source_rank) as source_rank
    from identity
    group by event_id

),

alone as (

    select min(claim_id) as claim_id
    from {{ ref('int_events__claims') }}
    where claim_id = posting_id and is_public and branch_id is not null
    group by source_id, branch_id, start_on
    having count(*) = 1

),

likely as (

    select
        pairs.claim_id,
        pairs.other_claim_id,
        pairs.score,
        pairs.match_reason
    from {{ ref('int_events__claim_pairs') }} as pairs
    inner join {{ ref('int_events__compared_claims') }} as compared
        on pairs.claim_id = compared.claim_id and pairs.other_claim_id = compared.other_claim_id
    left join alone on pairs.claim_id = alone.claim_id
    left join alone as others_alone on pairs.other_claim_id = others_alone.claim_id
    cross join settings
    where
        (
            coalesce(pairs.conflict, 'two branches') = 'two branches'
            and pairs.score >= settings.least_score - 10
            and (
                (
                    compared.is_same_branch and compared.minutes_apart = 0
                    and alone.claim_id is not null and others_alone.claim_id is not null
                )
                or compared.title_points >= 10 or compared.is_same_id or compared.is_same_page
                or pairs.match_rule = 'start_and_series'
            )
        )
        or (
            pairs.conflict = 'two starts'
            and compared.is_same_day
            and compared.is_timed
            and not compared.is_other_branch
            and compared.minutes_apart <= 120
            and compared.title_points >= 27
        )

),

told as (

    select distinct
        identity.event_id,
        identity.source_id
    from identity
    inner join {{ ref('int_events__occurrences') }} as occurrences on identity.claim_id = occurrences.occurrence_id
    where occurrences.status <> 'withdrawn'

),

both_told as (

    select distinct
        told.event_id,
        others.event_id as other_event_id
    from told
    inner join told as others on told.source_id = others.source_id and told.event_id <> others.event_id

),

placed as (

    select
        likely.*,
        low_claims.event_id as low_event_id,
        high_claims.event_id as high_event_id,
        low_ranks.source_rank < high_ranks.source_rank
        or (low_ranks.source_rank = high_ranks.source_rank and low_claims.event_id < high_claims.event_id) as is_first
    from likely
    inner join identity as low_claims on likely.claim_id = low_claims.claim_id
    inner join identity as high_claims on likely.other_claim_id = high_claims.claim_id
    inner join ranks as low_ranks on low_claims.event_id = low_ranks.event_id
    inner join ranks as high_ranks on high_claims.event_id = high_ranks.event_id
    where low_claims.event_id <> high_claims.event_id

),

ordered as (

    select
        claim_id,
        other_claim_id,
        score,
        match_reason,
        case when is_first then low_event_id else high_event_id end as event_id,
        case when is_first then high_event_id else low_event_id end as other_event_id
    from placed

),

numbered as (

    select
        ordered.*,
        events.owner_branch_id = other_events.owner_branch_id as is_same_branch,
        row_number() over (
            partition by ordered.event_id, ordered.other_event_id
            order by ordered.score desc, ordered.claim_id asc, ordered.other_claim_id asc
        ) as pair_choice
    from ordered
    inner join events on ordered.event_id = events.event_id
    inner join events as other_events on ordered.other_event_id = other_events.event_id
    left join both_told
        on ordered.event_id = both_told.event_id and ordered.other_event_id = both_told.other_event_id
    where both_told.event_id is null

),

final as (

    select
        event_id,
        other_event_id,
        claim_id,
        other_claim_id,
        is_same_branch,
        score,
        match_reason
    from numbered
    where pair_choice = 1

)

select * from final
