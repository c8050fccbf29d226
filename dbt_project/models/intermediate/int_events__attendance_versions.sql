-- All that was ever reported of each holding, in the order in which it was. Saying the same again is no new version.
with reports as (

    select
        {{ dbt.hash("reports.source_id || '|' || reports.series_id || '|' || reports.slot") }} as report_id,
        reports.*,
        case
            when reports.on_site_count is not null or reports.online_count is not null
                then coalesce(reports.on_site_count, 0) + coalesce(reports.online_count, 0)
        end as attendance_count,
        row_number() over (
            partition by reports.source_id, reports.series_id, reports.slot
            order by reports.reported_at asc, recorded.recorded_receipt_id asc, reports.pointer asc
        ) as telling_number
    from {{ ref('stg_events__attendance_reports') }} as reports
    inner join {{ ref('int_landing__recorded_times') }} as recorded
        on
            reports.source_id = recorded.source_id
            and reports.blob_sha256 = recorded.blob_sha256

),

-- All counts, the method and who says so in one word: null is not 0.
worded as (

    select
        *,
        {% for column in [
            'on_site_count', 'online_count', 'adults_count', 'children_count', 'method', 'reported_by_role'
        ] -%}
            coalesce(cast({{ column }} as {{ dbt.type_string() }}), '-')
            {%- if not loop.last %} || '|' || {% endif %}
        {% endfor %} as content
    from reports

),

compared as (

    select
        *,
        lag(content) over (partition by report_id order by telling_number) as content_before
    from worded

),

numbered as (

    select
        *,
        row_number() over (partition by report_id order by telling_number asc) as version_number,
        row_number() over (partition by report_id order by telling_number desc) as version_rank
    from compared
    where content_before is null or content_before <> content

),

final as (

    select
        report_id,
        version_number,
        source_id,
        series_id,
        slot,
        reported_at,
        reported_on,
        reported_by_role,
        on_site_count,
        online_count,
        adults_count as adults_present_count,
        children_count as children_present_count,
        attendance_count,
        method,
        coalesce(coalesce(adults_count, 0) + coalesce(children_count, 0) > on_site_count, false) as has_part_conflict,
        version_rank = 1 as is_current,
        receipt_id,
        blob_sha256
    from numbered

)

select * from final
