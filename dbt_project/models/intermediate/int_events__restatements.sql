-- What was told of a year after it was closed: events that nobody had told before, claims that changed or went, reports
-- that came or changed, decisions, and whatever else changed whether an event counts: a report about it or about another,
-- or another source that is believed more. One row per change and closed year; a move out of a closed year is one of them.
-- A year that no source had told anything of by its closing has been told to nobody, and is not restated.
with settings as (

    select * from {{ ref('stg_library__settings') }}

),

first_words as (

    select cast({{ to_local('min(tellings.told_at)', 'min(settings.zone)') }} as date) as first_told_on
    from {{ ref('int_events__tellings') }} as tellings
    cross join settings

),

closings as (

    select closings.*
    from {{ ref('int_calendar__year_closings') }} as closings
    cross join first_words
    where first_words.first_told_on < closings.closed_on

),

events as (

    select
        events.*,
        -- what a rule, a report or a person leaves out was never counted, whatever its status was
        rules.is_countable_when_held
        and (events.is_countable or events.status <> 'occurred') as is_counted_by_status,
        cast({{ to_local('events.first_told_at', 'settings.zone') }} as date) as first_told_on
    from {{ ref('int_events__events') }} as events
    inner join {{ ref('int_events__count_rules') }} as rules on events.event_id = rules.event_id
    cross join settings

),

-- The claim that speaks for each event.
leads as (

    select
        events.event_id,
        occurrences.occurrence_id as lead_id
    from events
    inner join {{ ref('int_events__occurrences') }} as occurrences
        on
            events.source_id = occurrences.source_id
            and events.series_id = occurrences.series_id
            and events.slot = occurrences.slot

),

versions as (

    select
        identity.event_id,
        versions.occurrence_id,
        versions.source_id,
        versions.version_number,
        versions.told_at,
        cast({{ to_local('versions.told_at', 'settings.zone') }} as date) as told_on,
        versions.start_on,
        versions.start_at,
        versions.status,
        versions.title,
        versions.receipt_id,
        versions.status || ' ' || coalesce({{ moment_text('versions.start_at', 'settings.zone') }}, '')
        || coalesce(' ' || versions.title, '') || coalesce(' @ ' || versions.location, '') as told,
        coalesce(versions.occurrence_id = leads.lead_id, false) as is_lead,
        row_number() over (
            partition by identity.event_id
            order by versions.told_at, versions.occurrence_id, versions.version_number
        ) as telling_number
    from {{ ref('int_events__versions') }} as versions
    inner join {{ ref('int_events__identity') }} as identity on versions.occurrence_id = identity.claim_id
    left join leads on identity.event_id = leads.event_id
    cross join settings

),

first_told as (

    select
        events.event_id,
        closings.closed_year,
        closings.closed_on,
        'first_told' as change_kind,
        'events_held' as figure_id,
        events.event_id as subject_id,
        events.source_id,
        events.first_told_at as restated_at,
        'not told' as old_value,
        coalesce(firsts.told, events.status) as new_value,
        cast(0.0 as double precision) as old_count,
        cast(case when events.is_countable then 1.0 else 0.0 end as double precision) as new_count,
        'no source told of it before the year was closed' as reason,
        coalesce(firsts.receipt_id, events.receipt_id) as receipt_id
    from events
    inner join closings
        on
            events.start_on >= closings.period_start
            and events.start_on < closings.period_end
            and events.first_told_on >= closings.closed_on
    left join versions as firsts on events.event_id = firsts.event_id and firsts.telling_number = 1

),

steps as (

    select
        versions.*,
        lag(versions.start_on) over (
            partition by versions.occurrence_id order by versions.version_number
        ) as start_on_before,
        lag(versions.start_at) over (
            partition by versions.occurrence_id order by versions.version_number
        ) as start_at_before,
        lag(versions.status) over (
            partition by versions.occurrence_id order by versions.version_number
        ) as status_before,
        lag(versions.told) over (
            partition by versions.occurrence_id order by versions.version_number
        ) as told_before
    from versions

),

changed as (

    select
        steps.event_id,
        closings.closed_year,
        closings.closed_on,
        case
            when steps.status <> steps.status_before then steps.status
            when steps.start_at <> steps.start_at_before then 'moved'
            else 'reworded'
        end as change_kind,
        'events_held' as figure_id,
        steps.occurrence_id as subject_id,
        steps.source_id,
        steps.told_at as restated_at,
        steps.told_before as old_value,
        steps.told as new_value,
        case
            when not steps.is_lead then null
            when
                events.is_counted_by_status and steps.status_before = 'scheduled'
                and steps.start_on_before >= closings.period_start and steps.start_on_before < closings.period_end
                then cast(1.0 as double precision)
            else cast(0.0 as double precision)
        end as old_count,
        case
            when not steps.is_lead then null
            when
                events.is_counted_by_status and steps.status = 'scheduled'
                and steps.start_on >= closings.period_start and steps.start_on < closings.period_end
                then cast(1.0 as double precision)
            else cast(0.0 as double precision)
        end as new_count,
        'the source told it anew after the year was closed' as reason,
        steps.receipt_id
    from steps
    inner join events on steps.event_id = events.event_id
    inner join closings
        on
            steps.told_on >= closings.closed_on
            and (
                (steps.start_on >= closings.period_start and steps.start_on < closings.period_end)
                or (steps.start_on_before >= closings.period_start and steps.start_on_before < closings.period_end)
            )
    where steps.told_before is not null and steps.told <> steps.told_before

),

-- Only where a year was closed before it ended: what lies in the past is never missed.
withdrawn as (

    select
        identity.event_id,
        closings.closed_year,
        closings.closed_on,
        'withdrawn' as change_kind,
        'events_held' as figure_id,
        occurrences.occurrence_id as subject_id,
        occurrences.source_id,
        occurrences.withdrawn_at as restated_at,
        'scheduled' as old_value,
        'withdrawn' as new_value,
        cast(null as double precision) as old_count,
        cast(null as double precision) as new_count,
        'the source took it out after the year was closed' as reason,
        occurrences.receipt_id
    from {{ ref('int_events__occurrences') }} as occurrences
    inner join {{ ref('int_events__identity') }} as identity on occurrences.occurrence_id = identity.claim_id
    cross join settings
    inner join closings
        on
            occurrences.start_on >= closings.period_start
            and occurrences.start_on < closings.period_end
            and cast({{ to_local('occurrences.withdrawn_at', 'settings.zone') }} as date) >= closings.closed_on
    where occurrences.status = 'withdrawn'

),

reports as (

    select
        attendance.event_id,
        versions.report_id,
        versions.source_id,
        versions.version_number,
        versions.reported_at,
        cast({{ to_local('versions.reported_at', 'settings.zone') }} as date) as reported_on,
        versions.attendance_count,
        lag(versions.attendance_count) over (
            partition by versions.report_id order by versions.version_number
        ) as count_before,
        versions.receipt_id
    from {{ ref('int_events__attendance_versions') }} as versions
    inner join {{ ref('int_events__attendance') }} as attendance on versions.report_id = attendance.report_id
    cross join settings
    where attendance.event_id is not null

),

reported as (

    select
        reports.event_id,
        closings.closed_year,
        closings.closed_on,
        case
            when reports.count_before is null then 'attendance_reported'
            when reports.attendance_count is null then 'attendance_taken_back'
            else 'attendance_changed'
        end as change_kind,
        'event_attendances' as figure_id,
        reports.report_id as subject_id,
        reports.source_id,
        reports.reported_at as restated_at,
        coalesce(cast(reports.count_before as {{ dbt.type_string() }}), 'not reported') as old_value,
        coalesce(cast(reports.attendance_count as {{ dbt.type_string() }}), 'not reported') as new_value,
        cast(reports.count_before as double precision) as old_count,
        cast(reports.attendance_count as double precision) as new_count,
        'reported after the year was closed' as reason,
        reports.receipt_id
    from reports
    inner join events on reports.event_id = events.event_id
    inner join closings
        on
            events.start_on >= closings.period_start
            and events.start_on < closings.period_end
            and reports.reported_on >= closings.closed_on
    where coalesce(reports.count_before, -1) <> coalesce(reports.attendance_count, -1)

),

decided as (

    select distinct
        events.event_id,
        closings.closed_year,
        closings.closed_on,
        'decided' as change_kind,
        'events_held' as figure_id,
        occurrences.occurrence_id || ' ' || decisions.verdict
        || coalesce(' ' || decisions.branch_id, '') || coalesce(' ' || decisions.audience, '') as subject_id,
        decisions.source_id,
        cast(decisions.decided_on as timestamp) as restated_at,
        'by the rules' as old_value,
        decisions.verdict
        || coalesce(' ' || decisions.branch_id, '') || coalesce(' ' || decisions.audience, '') as new_value,
        cast(null as double precision) as old_count,
        cast(null as double precision) as new_count,
        decisions.reason,
        cast(null as {{ dbt.type_bigint() }}) as receipt_id
    from {{ ref('stg_library__event_decisions') }} as decisions
    inner join {{ ref('int_events__occurrences') }} as occurrences
        on
            decisions.source_id = occurrences.source_id
            and decisions.series_id = occurrences.series_id
            and decisions.slot = occurrences.slot
    inner join {{ ref('int_events__identity') }} as identity on occurrences.occurrence_id = identity.claim_id
    inner join events on identity.event_id = events.event_id
    inner join closings
        on
            events.start_on >= closings.period_start
            and events.start_on < closings.period_end
            and decisions.decided_on >= closings.closed_on

),

told_of_themselves as (

    {% for part in ['first_told', 'changed', 'withdrawn', 'decided'] %}
        select
            event_id,
            closed_year,
            {% if part in ['first_told', 'changed'] %}new_count - old_count{% else %}null{% endif %} as change_count,
            {{ 'true' if part in ['withdrawn', 'decided'] else 'false' }} as may_change
        from {{ part }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

explained as (

    select
        event_id,
        closed_year,
        coalesce(sum(change_count), 0) as change_count,
        max(case when may_change then 1 else 0 end) = 1 as may_change
    from told_of_themselves
    group by event_id, closed_year

),

-- What no row tells: whether the event counts changed by another word than its own lead's.
unexplained as (

    select
        counts.event_id,
        counts.closed_year,
        closings.closed_on,
        counts.was_countable,
        counts.is_countable,
        events.count_reason,
        events.owner_branch_id,
        cast({{ dbt.date_trunc('month', 'events.start_on') }} as date) as month_start,
        case
            when
                counts.was_countable
                and (events.status_rule = 'reported_cancelled' and events.status = 'cancelled')
                then 'reported_cancelled'
            when
                counts.was_countable
                and (
                    events.status_rule = 'unreported'
                    or (rules.is_countable and not events.is_countable)
                )
                then 'unreported'
            when not counts.was_countable and closing_reports.event_id is null and reported.event_id is not null
                then 'reported_held'
            when not counts.was_countable and closing_reports.is_reported_cancelled and not reported.is_reported_cancelled
                then 'reported_held'
            else 'told_by_another'
        end as change_kind
    from {{ ref('int_events__counts_at_closing') }} as counts
    inner join closings on counts.closed_year = closings.closed_year
    inner join events on counts.event_id = events.event_id
    inner join {{ ref('int_events__count_rules') }} as rules on counts.event_id = rules.event_id
    left join {{ ref('int_events__reported') }} as reported on counts.event_id = reported.event_id
    left join {{ ref('int_events__reported_by_closing') }} as closing_reports
        on counts.event_id = closing_reports.event_id and counts.closed_year = closing_reports.closed_year
    left join explained
        on counts.event_id = explained.event_id and counts.closed_year = explained.closed_year
    where
        counts.was_countable <> counts.is_countable
        and not coalesce(explained.may_change, false)
        and coalesce(explained.change_count, 0)
        <> case when counts.is_countable then 1 else 0 end - case when counts.was_countable then 1 else 0 end

),

reporters as (

    select distinct source_id from {{ ref('int_events__attendance_reports') }}

),

-- What came about an event, from reports (of people, or rows of the sheets that reporters hand in) and from claims.
words as (

    select
        attendance.event_id,
        true as is_report,
        told.source_id,
        told.received_at as told_at,
        cast({{ to_local('told.received_at', 'settings.zone') }} as date) as told_on,
        told.receipt_id
    from {{ ref('stg_events__attendance_reports') }} as told
    inner join {{ ref('int_events__attendance') }} as attendance
        on
            told.source_id = attendance.source_id
            and told.series_id = attendance.series_id
            and told.slot = attendance.slot
    cross join settings
    where attendance.event_id is not null

    union all

    select
        versions.event_id,
        reporters.source_id is not null as is_report,
        versions.source_id,
        versions.told_at,
        versions.told_on,
        versions.receipt_id
    from versions
    left join reporters on versions.source_id = reporters.source_id

),

-- Whose words may have changed it: its own, those about what it perhaps is, those about its branch's month.
reach as (

    select
        event_id,
        closed_year,
        closed_on,
        change_kind,
        event_id as told_event_id,
        2 as nearness
    from unexplained
    union all
    select
        unexplained.event_id,
        unexplained.closed_year,
        unexplained.closed_on,
        unexplained.change_kind,
        rivals.other_event_id as told_event_id,
        3 as nearness
    from unexplained
    inner join {{ ref('int_events__rivals') }} as rivals on unexplained.event_id = rivals.event_id
    union all
    select
        unexplained.event_id,
        unexplained.closed_year,
        unexplained.closed_on,
        unexplained.change_kind,
        events.event_id as told_event_id,
        4 as nearness
    from unexplained
    inner join events
        on
            unexplained.owner_branch_id = events.owner_branch_id
            and unexplained.month_start = cast({{ dbt.date_trunc('month', 'events.start_on') }} as date)

),

-- Of what came after the closing; about others only reports say anything.
late_words as (

    select
        reach.event_id,
        reach.closed_year,
        words.source_id,
        words.told_at,
        words.receipt_id,
        case
            when reach.nearness = 2 and (words.is_report or reach.change_kind = 'told_by_another') then 1
            else reach.nearness
        end as nearness
    from reach
    inner join words
        on
            reach.told_event_id = words.event_id
            and words.told_on >= reach.closed_on
            and (reach.nearness = 2 or words.is_report)

),

nearest_words as (

    select
        *,
        row_number() over (
            partition by event_id, closed_year
            order by nearness asc, told_at asc, receipt_id asc
        ) as word_choice
    from late_words

),

recounted as (

    select
        unexplained.event_id,
        unexplained.closed_year,
        unexplained.closed_on,
        'events_held' as figure_id,
        unexplained.change_kind,
        unexplained.event_id as subject_id,
        nearest_words.source_id,
        nearest_words.told_at as restated_at,
        case when unexplained.was_countable then 'counted' else 'not counted' end as old_value,
        case
            when unexplained.is_countable then 'counted'
            else 'not counted: ' || unexplained.count_reason
        end as new_value,
        cast(case when unexplained.was_countable then 1.0 else 0.0 end as double precision) as old_count,
        cast(case when unexplained.is_countable then 1.0 else 0.0 end as double precision) as new_count,
        case unexplained.change_kind
            when 'unreported' then 'who reports attendance listed others after the year was closed, and not this one'
            when 'reported_cancelled' then 'who reports attendance said after the year was closed that it was called off'
            when 'reported_held' then 'who reports attendance said after the year was closed that it was held'
            else 'after the year was closed something else was told that changed whether it counts'
        end as reason,
        nearest_words.receipt_id
    from unexplained
    inner join nearest_words
        on
            unexplained.event_id = nearest_words.event_id
            and unexplained.closed_year = nearest_words.closed_year
            and nearest_words.word_choice = 1

),

final as (

    {% for part in ['first_told', 'changed', 'withdrawn', 'reported', 'decided', 'recounted'] %}
        select
            event_id,
            closed_year,
            closed_on,
            figure_id,
            change_kind,
            subject_id,
            source_id,
            restated_at,
            old_value,
            new_value,
            old_count,
            new_count,
            reason,
            receipt_id
        from {{ part }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from final
