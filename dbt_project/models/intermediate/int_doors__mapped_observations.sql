-- Which line of the description a telling belongs to, on its date. Whether it can be counted depends on the line's
-- rule: a mean of in and out needs both.
with observations as (

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
        blob_sha256,
        false as is_register,
        false as is_lower_bound
    from {{ ref('int_doors__current_observations') }}

    union all

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
        blob_sha256,
        true as is_register,
        is_lower_bound
    from {{ ref('int_doors__register_intervals') }}

),

lines as (

    select * from {{ ref('stg_library__lines') }}

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

localised as (

    select
        observations.*,
        {{ to_local('observations.interval_start_at', 'settings.zone') }} as local_start,
        {{ to_local('observations.interval_end_at', 'settings.zone') }} as local_end,
        {{ business_day('observations.interval_start_at', 'settings.zone', 'start_cuts.cut_minute') }} as start_on,
        {{ business_day(plus_minutes('observations.interval_end_at', '-1'), 'settings.zone', 'last_cuts.cut_minute') }}
            as last_on,
        {{ minutes_between('observations.interval_start_at', 'observations.interval_end_at') }} as interval_minutes
    from observations
    cross join settings
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
dated as (

    select
        observation_id,
        source_id,
        device_key,
        line_key,
        interval_start_at,
        interval_end_at,
        interval_minutes,
        in_count,
        out_count,
        undirected_count,
        value_state,
        reason_code,
        is_register,
        is_lower_bound,
        receipt_id,
        blob_sha256,
        case when is_whole_dates then cast(local_start as date) else start_on end as start_on,
        case
            when is_whole_dates then cast({{ dbt.dateadd('day', -1, 'cast(local_end as date)') }} as date)
            else last_on
        end as last_on
    from edged

),

final as (

    select
        dated.observation_id,
        dated.source_id,
        dated.device_key,
        dated.line_key,
        dated.interval_start_at,
        dated.interval_end_at,
        dated.interval_minutes,
        dated.start_on,
        dated.last_on,
        dated.in_count,
        dated.out_count,
        dated.undirected_count,
        dated.value_state,
        dated.reason_code,
        dated.is_register,
        dated.is_lower_bound,
        dated.receipt_id,
        dated.blob_sha256,
        lines.line_id,
        lines.branch_id,
        lines.role,
        lines.rule,
        dated.value_state = 'observed'
        -- what came before a reset is lost: of an hour or a day that is little, of a month it may be most
        and not (dated.is_lower_bound and dated.interval_minutes > 1500)
        and case lines.rule
            when 'mean_in_out' then dated.in_count is not null and dated.out_count is not null
            when 'breaks_halved' then dated.undirected_count is not null
            when 'entries' then dated.in_count is not null
        end as is_counted,
        dated.interval_minutes <= 60
        and {{ hour_of('dated.interval_start_at') }}
        = {{ hour_of(plus_minutes('dated.interval_end_at', '-1')) }} as is_within_hour
    from dated
    left join lines
        on
            dated.source_id = lines.source_id
            and dated.device_key = lines.device_key
            and dated.line_key = lines.line_key
            and {{ valid_on('lines', 'dated.start_on') }}

)

select * from final
