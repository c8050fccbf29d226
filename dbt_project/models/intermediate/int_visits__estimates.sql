-- One method per missing block, and what it makes of each of its cells. The first method wins unless a later one erred
-- less on masked blocks of that length, by more than chance makes: of n blocks the root of n, so a fifth of 24. (Ten of
-- them easily prefer the worse of two methods.) A block without masked relatives is not estimated, because nothing is
-- known of its error.
with estimates as (

    select * from {{ ref('int_visits__block_estimates') }}
    where not is_masked

),

sizes as (

    select
        block_id,
        count(*) as cell_count
    from {{ ref('int_visits__block_cells') }}
    where not is_masked
    group by block_id

),

blocks as (

    select
        estimates.block_id,
        estimates.line_id,
        estimates.grain,
        estimates.method,
        estimates.method_order,
        sizes.cell_count,
        {{ exact_sum("estimates.estimated_visits") }} as estimated_visits
    from estimates
    inner join sizes on estimates.block_id = sizes.block_id
    group by
        estimates.block_id, estimates.line_id, estimates.grain, estimates.method, estimates.method_order,
        sizes.cell_count
    having count(*) = sizes.cell_count

),

errors as (

    select * from {{ ref('int_visits__masked_errors') }}

),

-- The masked length nearest to the block's own.
nearest as (

    select
        blocks.*,
        errors.length_class,
        errors.block_count,
        errors.usual_visits,
        errors.bias,
        -- a gap longer than anything that could be masked is less sure by as much as it is longer
        errors.spread * greatest(1, blocks.cell_count / max(errors.cell_count) over (partition by blocks.block_id, blocks.method))
            as spread,
        errors.widening,
        errors.total_error,
        row_number() over (
            partition by blocks.block_id, blocks.method
            order by abs(ln(blocks.cell_count / errors.cell_count)), errors.length_class
        ) as nearness
    from blocks
    inner join errors
        on
            blocks.line_id = errors.line_id
            and blocks.grain = errors.grain
            and blocks.method = errors.method

),

compared as (

    select
        *,
        min(total_error) over (partition by block_id) as least_error
    from nearest
    where nearness = 1

),

ranked as (

    select
        *,
        row_number() over (partition by block_id order by method_order) as method_rank
    from compared
    where (1 - 1 / sqrt(block_count)) * total_error <= least_error

),

final as (

    select
        estimates.block_id,
        estimates.line_id,
        estimates.branch_id,
        estimates.grain,
        estimates.cell_start_at,
        estimates.span_start_on,
        estimates.span_end_on,
        estimates.missing_minutes,
        -- an estimate is made of the line's own counts, which a calibrated line's visits are not
        estimates.estimated_visits * coalesce(line_factors.calibration_factor, 1) as estimated_visits,
        ranked.method,
        ranked.length_class,
        ranked.cell_count as block_cell_count,
        ranked.block_count as masked_block_count,
        ranked.usual_visits,
        ranked.bias,
        ranked.spread,
        ranked.widening,
        estimates.comparable_count,
        estimates.other_line_count
    from estimates
    inner join ranked
        on
            estimates.block_id = ranked.block_id
            and estimates.method = ranked.method
            and ranked.method_rank = 1
    left join {{ ref('int_doors__line_factors') }} as line_factors
        on
            estimates.line_id = line_factors.line_id
            and estimates.span_start_on = line_factors.local_date

)

select * from final
