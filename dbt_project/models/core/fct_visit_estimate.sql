with estimates as (

    select * from {{ ref('int_visits__estimates') }}

),

final as (

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
        cast(max(other_line_count) as bigint) as other_line_count,
        '{{ var("estimate_version") }}' as estimate_version
    from estimates
    group by line_id, branch_id, block_id, span_start_on, span_end_on, method, length_class

)

select * from final
