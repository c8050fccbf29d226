-- What was told of a year after it was closed: events that nobody had told before, claims that changed or went, reports
-- that came or changed, and decisions. One row per change and closed year; a move out of a closed year is one of them.
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

final as (

    {% for part in ['first_told', 'changed', 'withdrawn', 'reported', 'decided'] %}
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
