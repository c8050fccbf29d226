-- One row per event with what its claims say together: each field from the best believed source that tells it, and by
-- which rule. A claim that was withdrawn speaks last, as long as another source still tells of the event, and one that
-- was posted anew after it.
with identity as (

    select * from {{ ref('int_events__identity') }}
    where not is_report

),

occurrences as (

    select * from {{ ref('int_events__occurrences') }}

),

-- What a whole fetch already lacked while it lay ahead, if only one.
absent as (

    select distinct occurrence_id
    from {{ ref('int_events__absences') }}
    where is_still_missing and absent_fetch_count > 0

),

reported as (

    select * from {{ ref('int_events__reported') }}

),

claims as (

    select
        identity.event_id,
        identity.claim_id,
        identity.source_rank,
        identity.is_superseded,
        occurrences.*,
        owners.owner_branch_id,
        owners.owner_rule,
        absent.occurrence_id is not null as is_absent,
        row_number() over (
            partition by identity.event_id
            order by
                case when identity.is_superseded then 2 when occurrences.status = 'withdrawn' then 1 else 0 end,
                identity.source_rank, identity.claim_id
        ) as belief,
        row_number() over (
            partition by identity.event_id
            order by
                case when identity.is_superseded then 2 when occurrences.status = 'withdrawn' then 1 else 0 end,
                case when occurrences.has_time then 0 else 1 end,
                identity.source_rank, identity.claim_id
        ) as time_belief,
        row_number() over (
            partition by identity.event_id
            order by
                case when occurrences.title is null then 1 else 0 end,
                case when identity.is_superseded then 2 when occurrences.status = 'withdrawn' then 1 else 0 end,
                identity.source_rank, identity.claim_id
        ) as title_belief,
        row_number() over (
            partition by identity.event_id
            order by
                case when occurrences.location is null then 1 else 0 end, identity.source_rank, identity.claim_id
        ) as venue_belief,
        row_number() over (
            partition by identity.event_id
            order by
                case when owners.owner_branch_id is null then 1 else 0 end,
                case owners.owner_rule when 'decided' then 0 when 'source' then 2 else 1 end,
                identity.source_rank, identity.claim_id
        ) as owner_belief
    from identity
    inner join occurrences on identity.claim_id = occurrences.occurrence_id
    left join {{ ref('int_events__owner_branches') }} as owners
        on identity.claim_id = owners.occurrence_id
    left join absent on identity.claim_id = absent.occurrence_id

),

-- Where a source put it first, of those that posted it anew.
posted_first as (

    select
        event_id,
        source_id,
        original_start_at
    from (
        select
            event_id,
            source_id,
            original_start_at,
            row_number() over (partition by event_id, source_id order by first_told_at asc, claim_id asc) as post_number
        from claims
        where is_superseded
    ) as posts
    where post_number = 1

),

spread as (

    select
        event_id,
        count(*) as claim_count,
        count(distinct source_id) as source_count,
        min(first_told_at) as first_told_at,
        max(last_changed_at) as last_changed_at,
        max(late_change) as late_change,
        max(case when status = 'withdrawn' and not is_superseded then 1 else 0 end) = 1 as has_withdrawn_claim,
        max(case when status = 'cancelled' then 1 else 0 end) = 1 as has_cancelled_claim
    from claims
    group by event_id

),

-- Whoever was there knows better than a calendar: a decision that it counts says that it was held.
decided as (

    select claims.event_id
    from {{ ref('stg_library__event_decisions') }} as decisions
    inner join claims
        on
            decisions.source_id = claims.source_id
            and decisions.series_id = claims.series_id
            and decisions.slot = claims.slot
    where decisions.verdict in ('countable', 'not_countable')
    group by claims.event_id
    having max(decisions.verdict) = 'countable'

),

-- What one source took out or called off, and nobody reports on either, was not held: if whoever reports lists four of
-- five of what else the branch had that month. A report that is missing says nothing alone.
unreported as (

    select spread.event_id
    from spread
    inner join claims as owners on spread.event_id = owners.event_id and owners.owner_belief = 1
    inner join claims as times on spread.event_id = times.event_id and times.time_belief = 1
    inner join {{ ref('int_events__report_months') }} as months
        on
            owners.owner_branch_id = months.branch_id
            and cast({{ dbt.date_trunc('month', 'times.start_on') }} as date) = months.month_start
    left join reported on spread.event_id = reported.event_id
    where
        (spread.has_withdrawn_claim or spread.has_cancelled_claim)
        and reported.event_id is null
        and times.end_at <= {{ as_of() }}
        and months.event_count >= 3
        and months.reported_count * 5 >= months.event_count * 4

),

final as (

    select
        leads.event_id,
        case when spread.claim_count = 1 then 'single_claim' else 'claims_matched' end as match_rule,
        spread.claim_count,
        spread.source_count,
        leads.source_id,
        leads.series_id,
        leads.slot,
        times.start_at,
        times.end_at,
        times.start_on,
        times.end_on,
        times.has_time,
        case when times.claim_id = leads.claim_id then 'first_source' else 'first_with_an_hour' end as start_rule,
        coalesce(posted_first.original_start_at, leads.original_start_at) as original_start_at,
        titles.title,
        titles.source_id as title_source_id,
        owners.owner_branch_id,
        owners.owner_rule,
        case when owners.owner_branch_id is not null then owners.source_id end as owner_source_id,
        venues.location as venue,
        case
            when decided.event_id is not null and times.end_at <= {{ as_of() }} then 'occurred'
            when
                leads.is_absent and spread.has_cancelled_claim
                and leads.status in ('scheduled', 'moved', 'occurred')
                then 'cancelled'
            when reported.is_reported_cancelled and leads.status in ('scheduled', 'moved', 'occurred') then 'cancelled'
            when unreported.event_id is not null and leads.status in ('scheduled', 'moved', 'occurred')
                then case when spread.has_cancelled_claim then 'cancelled' else 'withdrawn' end
            when leads.status = 'scheduled' and times.end_at <= {{ as_of() }} then 'occurred'
            when leads.status = 'occurred' and times.end_at > {{ as_of() }} then 'scheduled'
            when leads.status = 'scheduled' and posted_first.original_start_at <> times.start_at then 'moved'
            else leads.status
        end as status,
        case
            when decided.event_id is not null and times.end_at <= {{ as_of() }} then 'decided'
            when
                leads.is_absent and spread.has_cancelled_claim
                and leads.status in ('scheduled', 'moved', 'occurred')
                then 'absent_and_cancelled'
            when reported.is_reported_cancelled and leads.status in ('scheduled', 'moved', 'occurred')
                then 'reported_cancelled'
            when unreported.event_id is not null and leads.status in ('scheduled', 'moved', 'occurred') then 'unreported'
            when
                leads.status = 'scheduled' and times.end_at > {{ as_of() }}
                and posted_first.original_start_at <> times.start_at
                then 'posted_anew'
            else leads.status_rule
        end as status_rule,
        leads.is_public,
        leads.receipt_id,
        leads.blob_sha256,
        spread.first_told_at,
        spread.last_changed_at,
        spread.late_change,
        spread.has_withdrawn_claim,
        spread.has_cancelled_claim
    from claims as leads
    inner join claims as times on leads.event_id = times.event_id and times.time_belief = 1
    inner join claims as titles on leads.event_id = titles.event_id and titles.title_belief = 1
    inner join claims as venues on leads.event_id = venues.event_id and venues.venue_belief = 1
    inner join claims as owners on leads.event_id = owners.event_id and owners.owner_belief = 1
    inner join spread on leads.event_id = spread.event_id
    left join posted_first on leads.event_id = posted_first.event_id and leads.source_id = posted_first.source_id
    left join decided on leads.event_id = decided.event_id
    left join reported on leads.event_id = reported.event_id
    left join unreported on leads.event_id = unreported.event_id
    where leads.belief = 1

)

select * from final
