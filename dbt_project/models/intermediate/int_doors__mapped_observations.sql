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
        cast({{ to_local('observations.interval_start_at', 'settings.zone') }} as date) as start_on,
        cast({{ to_local(plus_minutes('observations.interval_end_at', '-1'), 'settings.zone') }} as date) as last_on,
        {{ minutes_between('observations.interval_start_at', 'observations.interval_end_at') }} as interval_minutes
    from observations
    cross join settings

),

final as (

    select
        localised.observation_id,
        localised.source_id,
        localised.device_key,
        localised.line_key,
        localised.interval_start_at,
        localised.interval_end_at,
        localised.interval_minutes,
        localised.start_on,
        localised.last_on,
        localised.in_count,
        localised.out_count,
        localised.undirected_count,
        localised.value_state,
        localised.reason_code,
        localised.is_register,
        localised.is_lower_bound,
        localised.receipt_id,
        localised.blob_sha256,
        lines.line_id,
        lines.branch_id,
        lines.role,
        lines.rule,
        localised.value_state = 'observed'
        -- what came before a reset is lost: of an hour or a day that is little, of a month it may be most
        and not (localised.is_lower_bound and localised.interval_minutes > 1500)
        and case lines.rule
            when 'mean_in_out' then localised.in_count is not null and localised.out_count is not null
            when 'breaks_halved' then localised.undirected_count is not null
            when 'entries' then localised.in_count is not null
        end as is_counted,
        localised.interval_minutes <= 60
        and {{ hour_of('localised.interval_start_at') }}
        = {{ hour_of(plus_minutes('localised.interval_end_at', '-1')) }} as is_within_hour
    from localised
    left join lines
        on
            localised.source_id = lines.source_id
            and localised.device_key = lines.device_key
            and localised.line_key = lines.line_key
            and {{ valid_on('lines', 'localised.start_on') }}

)

select * from final
