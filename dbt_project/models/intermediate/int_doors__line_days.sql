-- Hours to local days. Hours that do not hold (dead, spike, left out) are not in the sums; hours outside opening are:
-- their people came in. What was seen of the open time is decided hour by hour in int_doors__hour_states.
with hour_states as (

    select * from {{ ref('int_doors__hour_states') }}

),

hours as (

    select
        line_hours.line_id,
        line_hours.local_date,
        line_hours.in_count,
        line_hours.out_count,
        line_hours.undirected_count,
        one_sided.added_visits
    from {{ ref('int_doors__line_hours') }} as line_hours
    left join {{ ref('int_doors__one_sided_hours') }} as one_sided
        on
            line_hours.line_id = one_sided.line_id
            and line_hours.hour_start_at = one_sided.hour_start_at
    left join hour_states
        on
            line_hours.line_id = hour_states.line_id
            and line_hours.hour_start_at = hour_states.hour_start_at
    where coalesce(hour_states.value_state, 'closed') not in ('dead', 'spike', 'left_out')

),

counted as (

    select
        line_id,
        local_date,
        sum(in_count) as in_count,
        sum(out_count) as out_count,
        sum(undirected_count) as undirected_count,
        {{ exact_sum("added_visits") }} as added_visits,
        count(*) as hour_count
    from hours
    group by line_id, local_date

),

seen as (

    select
        line_id,
        local_date,
        {{ exact_sum("observed_minutes") }} as observed_minutes
    from hour_states
    group by line_id, local_date

),

expected as (

    select * from {{ ref('int_doors__expected_line_days') }}

),

final as (

    select
        expected.line_id,
        expected.branch_id,
        expected.local_date,
        expected.rule,
        expected.expected_minutes,
        cast(counted.in_count as bigint) as in_count,
        cast(counted.out_count as bigint) as out_count,
        cast(counted.undirected_count as bigint) as undirected_count,
        coalesce(counted.added_visits, 0) as added_visits,
        cast(coalesce(seen.observed_minutes, 0) as double precision) as observed_minutes,
        coalesce(counted.hour_count, 0) as hour_count
    from expected
    left join counted
        on
            expected.line_id = counted.line_id
            and expected.local_date = counted.local_date
    left join seen
        on
            expected.line_id = seen.line_id
            and expected.local_date = seen.local_date

)

select * from final
