-- The newest report about each holding that a source reports on; earlier ones stay in staging. A report that was read
-- again tells nothing new.
with reports as (

    select
        reports.*,
        recorded.recorded_receipt_id
    from {{ ref('stg_events__attendance_reports') }} as reports
    inner join {{ ref('int_landing__recorded_times') }} as recorded
        on
            reports.source_id = recorded.source_id
            and reports.blob_sha256 = recorded.blob_sha256

),

ranked as (

    select
        *,
        row_number() over (
            partition by source_id, series_id, slot
            order by reported_at desc, recorded_receipt_id desc, pointer desc
        ) as version_rank
    from reports

),

final as (

    select
        {{ dbt.hash("ranked.source_id || '|' || ranked.series_id || '|' || ranked.slot") }} as report_id,
        ranked.source_id,
        ranked.series_id,
        ranked.slot,
        ranked.reported_at,
        ranked.on_site_count,
        ranked.online_count,
        case
            when ranked.on_site_count is not null or ranked.online_count is not null
                then coalesce(ranked.on_site_count, 0) + coalesce(ranked.online_count, 0)
        end as attendance_count,
        ranked.adults_count as adults_present_count,
        ranked.children_count as children_present_count,
        coalesce(
            coalesce(ranked.adults_count, 0) + coalesce(ranked.children_count, 0) > ranked.on_site_count, false
        ) as has_part_conflict,
        ranked.method,
        ranked.start_on,
        ranked.start_at,
        ranked.title,
        ranked.location,
        ranked.receipt_id,
        ranked.blob_sha256
    from ranked
    where ranked.version_rank = 1

)

select * from final
