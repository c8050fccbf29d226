-- Whether each event counted in a year when that was closed, and whether it does now. Which claims and reports are one
-- event is read as it is matched now, and so are rules and owners; what claims and reports say is read as of then.
with closings as (

    select * from {{ ref('int_calendar__year_closings') }}

),

rules as (

    select * from {{ ref('int_events__count_rules') }}

),

holdings as (

    select * from {{ ref('int_events__holdings') }}

),

reported as (

    select * from {{ ref('int_events__reported_by_closing') }}

),

claims as (

    select
        identity.event_id,
        told.*,
        row_number() over (
            partition by told.closed_year, identity.event_id
            order by
                case when identity.is_superseded then 2 when told.fate = 'withdrawn' then 1 else 0 end,
                identity.source_rank, identity.claim_id
        ) as belief,
        row_number() over (
            partition by told.closed_year, identity.event_id
            order by
                case when identity.is_superseded then 2 when told.fate = 'withdrawn' then 1 else 0 end,
                case when told.has_time then 0 else 1 end,
                identity.source_rank, identity.claim_id
        ) as time_belief,
        max(case when told.fate = 'withdrawn' and not identity.is_superseded then 1 else 0 end) over (
            partition by told.closed_year, identity.event_id
        ) = 1 as has_withdrawn_claim,
        max(case when told.fate = 'cancelled' then 1 else 0 end) over (
            partition by told.closed_year, identity.event_id
        ) = 1 as has_cancelled_claim,
        max(case
            when not identity.is_superseded and told.fate in ('cancelled', 'withdrawn', 'postponed') then 1 else 0
        end) over (partition by told.closed_year, identity.event_id) = 1 as is_touched
    from {{ ref('int_events__claims_at_closing') }} as told
    inner join {{ ref('int_events__identity') }} as identity on told.occurrence_id = identity.claim_id

),

decisions as (

    select
        identity.event_id,
        closings.closed_year,
        min(case when decisions.verdict = 'not_countable' then 'no' else 'yes' end) as verdict
    from {{ ref('stg_library__event_decisions') }} as decisions
    inner join {{ ref('int_events__occurrences') }} as occurrences
        on
            decisions.source_id = occurrences.source_id
            and decisions.series_id = occurrences.series_id
            and decisions.slot = occurrences.slot
    inner join {{ ref('int_events__identity') }} as identity on occurrences.occurrence_id = identity.claim_id
    inner join closings on decisions.decided_on < closings.closed_on
    where decisions.verdict in ('countable', 'not_countable')
    group by identity.event_id, closings.closed_year

),

told as (

    select
        leads.event_id,
        leads.closed_year,
        times.start_on,
        cast({{ dbt.date_trunc('month', 'times.start_on') }} as date) as month_start,
        leads.fate,
        leads.has_withdrawn_claim or leads.has_cancelled_claim as is_called_off,
        leads.has_cancelled_claim,
        leads.is_touched,
        holdings.owner_branch_id,
        holdings.status_rule,
        rules.is_countable_when_held,
        decisions.verdict,
        reported.event_id is not null as is_reported,
        coalesce(reported.is_reported_cancelled, false) as is_reported_cancelled
    from claims as leads
    inner join claims as times
        on leads.event_id = times.event_id and leads.closed_year = times.closed_year and times.time_belief = 1
    inner join holdings on leads.event_id = holdings.event_id
    inner join rules on leads.event_id = rules.event_id
    left join decisions on leads.event_id = decisions.event_id and leads.closed_year = decisions.closed_year
    left join reported on leads.event_id = reported.event_id and leads.closed_year = reported.closed_year
    where leads.belief = 1

),

months as (

    select
        closed_year,
        owner_branch_id,
        month_start,
        count(*) >= 3
        and sum(case when is_reported then 1 else 0 end) * 5 >= count(*) * 4 as is_well_reported
    from told
    where owner_branch_id is not null and not is_touched
    group by closed_year, owner_branch_id, month_start

),

placed as (

    select
        told.*,
        coalesce(months.is_well_reported, false) as is_well_reported
    from told
    left join months
        on
            told.closed_year = months.closed_year
            and told.owner_branch_id = months.owner_branch_id
            and told.month_start = months.month_start

),

judged as (

    select
        placed.*,
        case
            when not placed.is_countable_when_held then false
            when placed.verdict is not null then placed.verdict = 'yes'
            when placed.fate <> 'scheduled' then false
            when placed.status_rule = 'absent_and_cancelled' and placed.has_cancelled_claim then false
            when placed.is_reported_cancelled then false
            when placed.is_called_off and not placed.is_reported and placed.is_well_reported then false
            else true
        end as stood
    from placed

),

unreported as (

    select distinct
        judged.event_id,
        judged.closed_year
    from judged
    inner join {{ ref('int_events__rivals') }} as rivals on judged.event_id = rivals.event_id
    inner join judged as others
        on rivals.other_event_id = others.event_id and judged.closed_year = others.closed_year
    where
        judged.stood and others.stood
        and judged.verdict is null
        and others.is_reported and not others.is_reported_cancelled
        and not judged.is_reported
        and (rivals.is_same_branch or judged.is_well_reported)

),

stood as (

    select
        judged.event_id,
        judged.closed_year,
        judged.start_on
    from judged
    left join unreported on judged.event_id = unreported.event_id and judged.closed_year = unreported.closed_year
    where judged.stood and unreported.event_id is null

),

counted as (

    select
        closings.closed_year,
        stood.event_id,
        1 as was_countable,
        0 as is_countable
    from stood
    inner join closings
        on
            stood.closed_year = closings.closed_year
            and stood.start_on >= closings.period_start
            and stood.start_on < closings.period_end
    union all
    select
        closings.closed_year,
        events.event_id,
        0 as was_countable,
        1 as is_countable
    from {{ ref('int_events__events') }} as events
    inner join closings
        on
            events.start_on >= closings.period_start
            and events.start_on < closings.period_end
    where events.is_countable

),

final as (

    select
        closed_year,
        event_id,
        max(was_countable) = 1 as was_countable,
        max(is_countable) = 1 as is_countable
    from counted
    group by closed_year, event_id

)

select * from final
