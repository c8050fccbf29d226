with estimates as (

    select * from {{ ref('int_visits__estimates') }}

),

filled as (

    select
        line_id,
        branch_id,
        block_id,
        span_start_on,
        span_end_on,
        sum(missing_minutes) as missing_minutes,
        sum(estimated_visits) as estimated_visits,
        method,
        -- one standard deviation as a share of the estimate, as masked blocks of this length erred
        max(sqrt(spread * spread * widening * widening + bias * bias)) as error_share,
        length_class as masked_length,
        cast(max(masked_block_count) as bigint) as masked_block_count,
        cast(sum(comparable_count) as bigint) as comparable_count,
        cast(max(other_line_count) as bigint) as other_line_count
    from estimates
    group by line_id, branch_id, block_id, span_start_on, span_end_on, method, length_class

),

-- The days of a number that was told for several of them: periods in which the number ends are made of these.
split as (

    select
        line_id,
        branch_id,
        block_id,
        period_start as span_start_on,
        period_end as span_end_on,
        estimated_minutes as missing_minutes,
        estimated_visits,
        method,
        case when estimated_visits > 0 then spread_visits / estimated_visits else 0 end as error_share,
        length_class as masked_length,
        cast(masked_block_count as bigint) as masked_block_count,
        cast(null as bigint) as comparable_count,
        cast(0 as bigint) as other_line_count
    from {{ ref('int_visits__span_parts') }}
    where period_kind = 'day'

),

final as (

    select * from filled
    union all
    select * from split

)

select
    line_id,
    branch_id,
    block_id,
    span_start_on,
    span_end_on,
    missing_minutes,
    estimated_visits,
    method,
    error_share,
    masked_length,
    masked_block_count,
    comparable_count,
    other_line_count,
    '{{ var("estimate_version") }}' as estimate_version
from final
