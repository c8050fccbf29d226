-- What was believed of a counted interval and then was told otherwise: one row per value that gave way. A telling gives
-- way to one that the device sent later, else to one that was news later; one that arrives late and was sent before is
-- never believed, so nothing gives way to it. Redeliveries of the same value are no revision, and neither is an interval
-- that was not over when it was first told. Registers have no intervals of their own before they are read.
with observations as (

    select
        observations.*,
        recorded.recorded_receipt_id,
        recorded.recorded_at
    from {{ ref('stg_doors__observations') }} as observations
    inner join {{ ref('int_landing__recorded_times') }} as recorded
        on
            observations.source_id = recorded.source_id
            and observations.blob_sha256 = recorded.blob_sha256
    where observations.kind in ('interval', 'span') and not coalesce(observations.is_provisional, false)

),

-- Few intervals are ever told two ways; only these are put in order.
contested as (

    select
        source_id,
        device_key,
        line_key,
        interval_start_at,
        interval_end_at
    from observations
    group by source_id, device_key, line_key, interval_start_at, interval_end_at
    having
        min(coalesce(in_count, -1)) <> max(coalesce(in_count, -1))
        or min(coalesce(out_count, -1)) <> max(coalesce(out_count, -1))
        or min(coalesce(undirected_count, -1)) <> max(coalesce(undirected_count, -1))
        or min(value_state) <> max(value_state)

),

believed as (

    select
        observations.*,
        row_number() over (
            partition by
                observations.source_id, observations.device_key, observations.line_key,
                observations.interval_start_at, observations.interval_end_at
            order by
                observations.sent_at asc nulls first, observations.recorded_receipt_id asc, observations.receipt_id asc,
                observations.pointer asc
        ) as belief_number
    from observations
    inner join contested
        on
            observations.source_id = contested.source_id
            and observations.device_key = contested.device_key
            and observations.line_key = contested.line_key
            and observations.interval_start_at = contested.interval_start_at
            and observations.interval_end_at = contested.interval_end_at

),

-- What one receipt says twice was never told to anybody in between.
arrivals as (

    select
        *,
        row_number() over (
            partition by source_id, device_key, line_key, interval_start_at, interval_end_at, recorded_receipt_id
            order by belief_number desc
        ) as receipt_rank
    from believed

),

ordered as (

    select
        *,
        max(belief_number) over (
            partition by source_id, device_key, line_key, interval_start_at, interval_end_at
            order by recorded_receipt_id
            rows between unbounded preceding and 1 preceding
        ) as best_before
    from arrivals
    where receipt_rank = 1

),

compared as (

    select
        *,
        lag(in_count) over beliefs as previous_in_count,
        lag(out_count) over beliefs as previous_out_count,
        lag(undirected_count) over beliefs as previous_undirected_count,
        lag(value_state) over beliefs as previous_value_state,
        lag(recorded_at) over beliefs as previous_received_at
    from ordered
    where best_before is null or belief_number > best_before
    window beliefs as (
        partition by source_id, device_key, line_key, interval_start_at, interval_end_at
        order by belief_number
    )

),

changed as (

    select
        *,
        row_number() over (
            partition by source_id, device_key, line_key, interval_start_at, interval_end_at
            order by belief_number
        ) as revision_number,
        case
            when previous_value_state <> 'observed' and value_state = 'observed' then 'filled'
            when previous_value_state = 'observed' and value_state <> 'observed' then 'cleared'
            else 'restated'
        end as revision_kind
    from compared
    where
        previous_value_state is not null
        and (
            previous_value_state <> value_state
            or coalesce(previous_in_count, -1) <> coalesce(in_count, -1)
            or coalesce(previous_out_count, -1) <> coalesce(out_count, -1)
            or coalesce(previous_undirected_count, -1) <> coalesce(undirected_count, -1)
        )

),

mapped as (

    select * from {{ ref('int_doors__mapped_observations') }}
    where line_id is not null and not is_register

),

final as (

    select
        mapped.line_id,
        mapped.branch_id,
        mapped.role,
        mapped.start_on as local_date,
        changed.interval_start_at,
        changed.interval_end_at,
        cast(changed.revision_number as int) as revision_number,
        changed.revision_kind,
        changed.previous_in_count,
        changed.previous_out_count,
        changed.previous_undirected_count,
        changed.previous_value_state,
        {{ visits_by_rule(
            'mapped.rule', 'changed.previous_in_count', 'changed.previous_out_count', 'changed.previous_undirected_count'
        ) }} as previous_visits,
        changed.in_count,
        changed.out_count,
        changed.undirected_count,
        changed.value_state,
        {{ visits_by_rule('mapped.rule', 'changed.in_count', 'changed.out_count', 'changed.undirected_count') }} as visits,
        changed.previous_received_at,
        changed.recorded_at as received_at,
        -- figures of a month are provisional for thirty days after it
        changed.recorded_at
        >= cast({{ dbt.dateadd('day', 30, period_end('month', 'mapped.start_on')) }} as timestamp) as is_after_closing,
        changed.source_id,
        changed.receipt_id,
        changed.blob_sha256
    from changed
    inner join mapped
        on
            changed.source_id = mapped.source_id
            and changed.device_key = mapped.device_key
            and changed.line_key = mapped.line_key
            and changed.interval_start_at = mapped.interval_start_at
            and changed.interval_end_at = mapped.interval_end_at

)

select * from final
