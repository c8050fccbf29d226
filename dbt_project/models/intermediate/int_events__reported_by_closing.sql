-- What those who report attendance had said of each event by the closing of a year, as `int_events__reported` tells it for
-- now. Reports find their events as they do now; only their words are those of then. What counts is when a report came
-- here, not the day that it bears.
with settings as (

    select * from {{ ref('stg_library__settings') }}

),

closings as (

    select * from {{ ref('int_calendar__year_closings') }}

),

reporters as (

    select distinct source_id from {{ ref('int_events__attendance_reports') }}

),

listed as (

    select
        identity.event_id,
        claims.closed_year,
        0 as attendance_count,
        case when claims.fate = 'cancelled' then 1 else 0 end as cancelled_count
    from {{ ref('int_events__claims_at_closing') }} as claims
    inner join {{ ref('int_events__identity') }} as identity on claims.occurrence_id = identity.claim_id
    inner join reporters on claims.source_id = reporters.source_id
    where claims.told_at >= claims.end_at

),

reports as (

    select
        attendance.event_id,
        closings.closed_year,
        coalesce(reports.on_site_count, 0) + coalesce(reports.online_count, 0) as attendance_count,
        row_number() over (
            partition by attendance.report_id, closings.closed_year
            order by reports.reported_at desc, recorded.recorded_receipt_id desc, reports.pointer desc
        ) as version_rank
    from {{ ref('stg_events__attendance_reports') }} as reports
    inner join {{ ref('int_landing__recorded_times') }} as recorded
        on
            reports.source_id = recorded.source_id
            and reports.blob_sha256 = recorded.blob_sha256
    inner join {{ ref('int_events__attendance') }} as attendance
        on
            reports.source_id = attendance.source_id
            and reports.series_id = attendance.series_id
            and reports.slot = attendance.slot
    cross join settings
    inner join closings
        on cast({{ to_local('reports.received_at', 'settings.zone') }} as date) < closings.closed_on
    where attendance.event_id is not null

),

said as (

    select
        event_id,
        closed_year,
        attendance_count,
        cancelled_count
    from listed
    union all
    select
        event_id,
        closed_year,
        attendance_count,
        0 as cancelled_count
    from reports
    where version_rank = 1

),

final as (

    select
        event_id,
        closed_year,
        max(attendance_count) > 0 as is_attended,
        max(cancelled_count) > 0 and max(attendance_count) = 0 as is_reported_cancelled
    from said
    group by event_id, closed_year

)

select * from final
