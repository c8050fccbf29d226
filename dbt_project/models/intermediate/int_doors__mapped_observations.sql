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

dated as (

    {{ dated_tellings('observations') }}

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
