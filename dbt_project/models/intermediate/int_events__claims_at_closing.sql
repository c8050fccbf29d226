-- What each claim had told by the closing of a year, and what had become of it: the last version that had come by then.
with settings as (

    select * from {{ ref('stg_library__settings') }}

),

told as (

    select
        closings.closed_year,
        versions.occurrence_id,
        versions.source_id,
        versions.told_at,
        versions.start_at,
        versions.end_at,
        versions.start_on,
        versions.has_time,
        versions.status,
        versions.title,
        occurrences.status_rule = 'removed' as is_removed,
        coalesce(
            occurrences.status_rule = 'absent'
            and cast({{ to_local('occurrences.withdrawn_at', 'settings.zone') }} as date) < closings.closed_on,
            false
        ) as is_withdrawn,
        row_number() over (
            partition by closings.closed_year, versions.occurrence_id
            order by versions.version_number desc
        ) as version_rank
    from {{ ref('int_events__versions') }} as versions
    inner join {{ ref('int_events__occurrences') }} as occurrences on versions.occurrence_id = occurrences.occurrence_id
    cross join settings
    inner join {{ ref('int_calendar__year_closings') }} as closings
        on cast({{ to_local('versions.told_at', 'settings.zone') }} as date) < closings.closed_on

),

final as (

    select
        told.closed_year,
        told.occurrence_id,
        told.source_id,
        told.told_at,
        told.start_at,
        told.end_at,
        told.start_on,
        told.has_time,
        case
            when told.status in ('cancelled', 'postponed') then told.status
            when coalesce(titles.told_status, '') <> '' then titles.told_status
            when told.is_removed then 'cancelled'
            when told.is_withdrawn then 'withdrawn'
            else told.status
        end as fate
    from told
    left join {{ ref('int_events__titles') }} as titles on told.title = titles.title
    where told.version_rank = 1

)

select * from final
