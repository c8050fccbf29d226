{#- Tellings of counters and people, before it is known which line they belong to. -#}

{#- Current tellings of some kinds: one per counted interval, the one the device sent last, else the one that was news
    last. Order of arrival decides only where the device does not say when it sent. -#}
{% macro current_tellings_of(kinds) %}
with observations as (

    select
        observations.*,
        recorded.recorded_receipt_id
    from {{ ref('stg_doors__observations') }} as observations
    inner join {{ ref('int_landing__recorded_times') }} as recorded
        on
            observations.source_id = recorded.source_id
            and observations.blob_sha256 = recorded.blob_sha256
    where observations.kind in ('{{ kinds | join("', '") }}')

),

ranked as (

    select
        *,
        row_number() over (
            partition by source_id, device_key, line_key, interval_start_at, interval_end_at
            order by sent_at desc nulls last, recorded_receipt_id desc, receipt_id desc, pointer desc
        ) as telling_rank
    from observations

),

final as (

    select
        observation_id,
        source_id,
        device_key,
        line_key,
        interval_start_at,
        interval_end_at,
        in_count,
        out_count,
        undirected_count,
        value_state,
        reason_code,
        receipt_id,
        blob_sha256
    from ranked
    where telling_rank = 1

)

select * from final
{% endmacro %}

{#- Tellings with the local days that they begin and end on, `start_on` and `last_on`. -#}
{% macro dated_tellings(observations) %}
with localised as (

    select
        observations.*,
        {{ to_local('observations.interval_start_at', 'settings.zone') }} as local_start,
        {{ to_local('observations.interval_end_at', 'settings.zone') }} as local_end,
        {{ business_day('observations.interval_start_at', 'settings.zone', 'start_cuts.cut_minute') }} as start_day,
        {{ business_day(plus_minutes('observations.interval_end_at', '-1'), 'settings.zone', 'last_cuts.cut_minute') }}
            as last_day,
        {{ minutes_between('observations.interval_start_at', 'observations.interval_end_at') }} as interval_minutes
    from {{ observations }} as observations
    cross join {{ ref('stg_library__settings') }} as settings
    left join {{ ref('int_doors__sensor_day_cuts') }} as start_cuts
        on {{ sensor_cut_on('start_cuts', 'observations', 'observations.interval_start_at', 'settings.zone') }}
    left join {{ ref('int_doors__sensor_day_cuts') }} as last_cuts
        on
            {{ sensor_cut_on(
                'last_cuts', 'observations', plus_minutes('observations.interval_end_at', '-1'), 'settings.zone'
            ) }}

),

edged as (

    select
        *,
        interval_minutes > 60
        and local_start = cast(cast(local_start as date) as timestamp)
        and local_end = cast(cast(local_end as date) as timestamp) as is_whole_dates
    from localised

),

-- What a source tells for whole dates, midnight to midnight, is its number of these dates, wherever the branch cuts its
-- days: the people of a night go to the neighbour, and none is lost or told twice.
final as (

    select
        edged.*,
        case when is_whole_dates then cast(local_start as date) else start_day end as start_on,
        case
            when is_whole_dates then cast({{ dbt.dateadd('day', -1, 'cast(local_end as date)') }} as date)
            else last_day
        end as last_on
    from edged

)

select * from final
{% endmacro %}
