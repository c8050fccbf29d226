-- Which events count, by a person's decision, else by the reviewed rules; the first rule that matches the title wins.
-- Private and tentative entries never count, nor does what only calendars of many organisers tell, if nothing ties it to
-- the library. Nothing is dropped: each carries the reason.
with holdings as (

    select * from {{ ref('int_events__holdings') }}

),

rules as (

    select * from {{ ref('stg_library__event_rules') }}

),

decisions as (

    select
        claims.event_id,
        min(case when decisions.verdict = 'not_countable' then 'no' else 'yes' end) as verdict,
        min(decisions.reason) as reason
    from {{ ref('stg_library__event_decisions') }} as decisions
    inner join {{ ref('int_events__occurrences') }} as occurrences
        on
            decisions.source_id = occurrences.source_id
            and decisions.series_id = occurrences.series_id
            and decisions.slot = occurrences.slot
    inner join {{ ref('int_events__identity') }} as claims on occurrences.occurrence_id = claims.claim_id
    where decisions.verdict in ('countable', 'not_countable')
    group by claims.event_id

),

-- A source that tells of the library's own events alone, or staff who report on it, tie an event to the library; so does
-- a branch, wherever it was named, and any claim of it that names the library as organiser. That a claim names somebody
-- else is no evidence against: one of two organisers was written down.
aggregated as (

    select claims.event_id
    from {{ ref('int_events__identity') }} as claims
    inner join {{ ref('stg_library__sources') }} as sources on claims.source_id = sources.source_id
    group by claims.event_id
    having min(case when sources.is_aggregator then 1 else 0 end) = 1

),

organised as (

    select distinct claims.event_id
    from {{ ref('int_events__identity') }} as claims
    inner join {{ ref('int_events__occurrences') }} as occurrences on claims.claim_id = occurrences.occurrence_id
    where occurrences.is_organised_by_library

),

-- Series of two feeds that share an event are one series: an exhibition told as one record here and day by day there.
series_claims as (

    select distinct
        claims.event_id,
        claims.source_rank,
        occurrences.series_id
    from {{ ref('int_events__identity') }} as claims
    inner join {{ ref('int_events__occurrences') }} as occurrences on claims.claim_id = occurrences.occurrence_id

),

linked as (

    select
        series_claims.source_rank,
        series_claims.series_id,
        others.source_rank as other_rank,
        others.series_id as other_series_id,
        row_number() over (
            partition by series_claims.source_rank, series_claims.series_id
            order by others.source_rank asc, others.series_id asc
        ) as root_choice
    from series_claims
    inner join series_claims as others on series_claims.event_id = others.event_id

),

roots as (

    select
        event_id,
        other_rank,
        other_series_id
    from (
        select
            series_claims.event_id,
            linked.other_rank,
            linked.other_series_id,
            row_number() over (
                partition by series_claims.event_id
                order by linked.other_rank asc, linked.other_series_id asc
            ) as event_choice
        from series_claims
        inner join linked
            on
                series_claims.source_rank = linked.source_rank
                and series_claims.series_id = linked.series_id
                and linked.root_choice = 1
    ) as chosen
    where event_choice = 1

),

matched as (

    select
        holdings.event_id,
        rules.rule_id,
        rules.kind,
        rules.count_rule,
        rules.organiser,
        rules.reason,
        row_number() over (partition by holdings.event_id order by rules.rule_number) as match_rank
    from holdings
    inner join rules on {{ matches('lower(holdings.title)', 'rules.pattern') }}

),

ruled as (

    select
        holdings.event_id,
        holdings.status,
        holdings.is_public,
        holdings.start_at,
        holdings.start_on,
        holdings.end_on,
        holdings.owner_branch_id,
        aggregated.event_id is null
        or holdings.owner_branch_id is not null
        or organised.event_id is not null
        or coalesce(decisions.verdict, '') = 'yes' as is_tied,
        titles.title_key,
        roots.other_rank as root_rank,
        roots.other_series_id as root_series_id,
        decisions.verdict,
        decisions.reason as decision_reason,
        matched.rule_id,
        coalesce(matched.kind, 'event') as kind,
        coalesce(matched.count_rule, 'per_occurrence') as count_rule,
        matched.organiser,
        matched.reason as rule_reason
    from holdings
    left join matched on holdings.event_id = matched.event_id and matched.match_rank = 1
    left join decisions on holdings.event_id = decisions.event_id
    left join roots on holdings.event_id = roots.event_id
    left join aggregated on holdings.event_id = aggregated.event_id
    left join organised on holdings.event_id = organised.event_id
    left join {{ ref('int_events__titles') }} as titles on holdings.title = titles.title

),

numbered as (

    select
        *,
        row_number() over (
            partition by root_rank, root_series_id, status
            order by start_at, event_id
        ) as held_number,
        -- The same exhibition posted again under another id stands within days of its last posting.
        max(end_on) over (
            partition by count_rule, kind, owner_branch_id, title_key, status
            order by start_at, event_id
            rows between unbounded preceding and 1 preceding
        ) as stood_until_on
    from ruled

),

judged as (

    select
        *,
        count_rule = 'once_per_series'
        and (
            held_number > 1
            or (
                title_key is not null and stood_until_on is not null
                and {{ days_between('stood_until_on', 'start_on') }} <= 7
            )
        ) as is_again
    from numbered

),

weighed as (

    select
        *,
        case
            when not is_public then false
            when verdict is not null then verdict = 'yes'
            when coalesce(organiser, '') = 'other' then false
            when count_rule = 'never' then false
            when is_again then false
            else is_tied
        end as is_countable_when_held
    from judged

),

final as (

    select
        event_id,
        kind,
        rule_id as kind_rule,
        case when is_tied or organiser is not null then organiser else 'not_told' end as organiser,
        case when organiser is not null then 'rule' when not is_tied then 'nothing_ties_it' end as organiser_rule,
        count_rule,
        is_countable_when_held,
        is_countable_when_held and status = 'occurred' as is_countable,
        case
            when not is_public then 'the source marks it private'
            when status <> 'occurred' then 'it is ' || status
            when verdict is not null then 'decided: ' || decision_reason
            when count_rule = 'never' then coalesce(rule_reason, 'never counted')
            when coalesce(organiser, '') = 'other' then 'others hold it'
            when is_again then 'its series is counted once'
            when not is_tied then 'told only by calendars of many organisers, and nothing ties it to the library'
            else 'held'
        end as count_reason
    from weighed

)

select * from final
