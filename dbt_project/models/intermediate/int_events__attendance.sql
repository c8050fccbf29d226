-- Which event each report is about, and which of several speaks for it. Two reports about one holding are never added:
-- a count goes before an estimate, and an estimate before tickets.
with reports as (

    select * from {{ ref('int_events__attendance_reports') }}

),

identity as (

    select * from {{ ref('int_events__identity') }}

),

told as (

    select
        reports.source_id,
        reports.series_id,
        reports.slot,
        occurrences.occurrence_id
    from reports
    inner join {{ ref('int_events__occurrences') }} as occurrences
        on
            reports.source_id = occurrences.source_id
            and reports.series_id = occurrences.series_id
            and reports.slot = occurrences.slot

),

-- One number for a whole series is no date's: it stays with the series until somebody splits it.
series as (

    select distinct
        source_id,
        series_id
    from {{ ref('int_events__occurrences') }}

),

placed as (

    select
        reports.*,
        sources.source_rank,
        coalesce(by_key.event_id, by_likeness.event_id) as event_id,
        case
            when by_key.event_id is not null then 'same_record'
            when by_likeness.event_id is not null then by_likeness.match_rule
            else 'none'
        end as match_rule,
        case when by_key.event_id is not null then 100 else by_likeness.score end as match_score,
        case
            when by_key.event_id is not null or by_likeness.event_id is not null then 'occurrence'
            when series.series_id is not null then 'series'
            else 'none'
        end as report_scope
    from reports
    inner join {{ ref('stg_library__sources') }} as sources on reports.source_id = sources.source_id
    left join told
        on
            reports.source_id = told.source_id
            and reports.series_id = told.series_id
            and reports.slot = told.slot
    left join identity as by_key on told.occurrence_id = by_key.claim_id
    left join series on reports.source_id = series.source_id and reports.series_id = series.series_id
    left join identity as by_likeness on reports.report_id = by_likeness.claim_id and by_likeness.is_report

),

final as (

    select
        *,
        event_id is not null and attendance_count is not null and row_number() over (
            partition by event_id
            order by
                case when attendance_count is null then 1 else 0 end,
                case method when 'counted' then 1 when 'estimated' then 2 when 'tickets' then 3 else 4 end,
                source_rank asc, reported_at desc, report_id asc
        ) = 1 as is_used
    from placed

)

select * from final
