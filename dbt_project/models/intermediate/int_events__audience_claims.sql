-- Which target groups each source ticked or wrote, as it did, and what the reviewed rules of that day make of each. A
-- source that ticked every box tells nothing: its claims are kept and set aside. Where a person decided, none is used.
with claims as (

    select
        identity.event_id,
        identity.source_rank,
        identity.is_superseded,
        occurrences.occurrence_id,
        occurrences.source_id,
        occurrences.start_on,
        occurrences.status,
        occurrences.blob_sha256
    from {{ ref('int_events__identity') }} as identity
    inner join {{ ref('int_events__occurrences') }} as occurrences on identity.claim_id = occurrences.occurrence_id
    where occurrences.is_public

),

rules as (

    select * from {{ ref('stg_library__event_audiences') }}

),

-- What the standing version of the claim told: its own blob's words, and no other's.
ticked as (

    select distinct
        observation_id as occurrence_id,
        blob_sha256,
        {{ split_rows('audience_claims') }} as audience_claim
    from {{ ref('stg_events__observations') }}
    where audience_claims is not null

),

told as (

    select
        claims.*,
        ticked.audience_claim
    from claims
    inner join ticked
        on
            claims.occurrence_id = ticked.occurrence_id
            and claims.blob_sha256 = ticked.blob_sha256

),

reviewed as (

    select
        told.*,
        rules.audience,
        rules.rule_id,
        rules.reason,
        row_number() over (
            partition by told.occurrence_id, told.audience_claim
            order by rules.rule_number
        ) as rule_choice
    from told
    left join rules
        on
            {{ matches('lower(told.audience_claim)', 'rules.pattern') }}
            and {{ valid_on('rules', 'told.start_on') }}

),

-- Many sources let whoever posts tick them all.
widths as (

    select
        occurrence_id,
        start_on,
        count(distinct audience) as audience_count
    from reviewed
    where rule_choice = 1
    group by occurrence_id, start_on

),

set_aside as (

    select
        widths.occurrence_id,
        rules.audience,
        rules.rule_id,
        rules.reason,
        row_number() over (partition by widths.occurrence_id order by rules.rule_number) as rule_choice
    from widths
    inner join rules
        on
            rules.least_audiences <= widths.audience_count
            and {{ valid_on('rules', 'widths.start_on') }}

),

-- The best believed source that tells any audience speaks; what it took out or posted anew speaks last.
speakers as (

    select
        event_id,
        occurrence_id,
        row_number() over (
            partition by event_id
            order by
                case when is_superseded then 2 when status = 'withdrawn' then 1 else 0 end,
                source_rank, occurrence_id
        ) as belief
    from (
        select distinct
            reviewed.event_id,
            reviewed.occurrence_id,
            reviewed.is_superseded,
            reviewed.status,
            reviewed.source_rank
        from reviewed
        left join set_aside on reviewed.occurrence_id = set_aside.occurrence_id
        where reviewed.audience is not null and set_aside.occurrence_id is null
    ) as tellers

),

decided as (

    select distinct event_id from {{ ref('int_events__decided_audiences') }}

),

final as (

    select
        reviewed.event_id,
        reviewed.occurrence_id,
        reviewed.source_id,
        reviewed.audience_claim,
        reviewed.audience,
        coalesce(reviewed.rule_id, 'none') as audience_rule,
        coalesce(reviewed.reason, 'no rule knows the word') as audience_reason,
        set_aside.rule_id as set_aside_rule,
        set_aside.reason as set_aside_reason,
        set_aside.audience as set_aside_audience,
        speakers.occurrence_id is not null and reviewed.audience is not null and decided.event_id is null as is_used
    from reviewed
    left join set_aside on reviewed.occurrence_id = set_aside.occurrence_id and set_aside.rule_choice = 1
    left join speakers on reviewed.occurrence_id = speakers.occurrence_id and speakers.belief = 1
    left join decided on reviewed.event_id = decided.event_id
    where reviewed.rule_choice = 1

)

select * from final
