-- How far each method lay from the truth on blocks that were observed and masked, per line and length of block: the
-- part that all blocks share (bias) and the part that each has for itself (spread), both as shares of the estimate.
-- A line with fewer than eight masked blocks of a length takes the errors of all lines together.
with blocks as (

    select * from {{ ref('int_visits__masked_blocks') }}

),

line_sums as (

    select
        line_id,
        grain,
        length_class,
        method,
        method_order,
        count(*) as block_count,
        avg(cell_count) as cell_count,
        {{ exact_sum("estimated_visits") }} as estimated_visits,
        {{ exact_sum("true_visits - estimated_visits") }} as error,
        {{ exact_sum("estimated_visits * estimated_visits") }} as estimated_square,
        {{ exact_sum("(true_visits - estimated_visits) * (true_visits - estimated_visits)") }} as error_square,
        {{ exact_sum("(true_visits - estimated_visits) * estimated_visits") }} as error_product
    from blocks
    group by line_id, grain, length_class, method, method_order

),

-- Lines of all sizes together: each error counts by its share of what its line usually has in such a block.
shares as (

    select
        blocks.*,
        blocks.estimated_visits / (line_sums.estimated_visits / line_sums.block_count) as estimated_share,
        (blocks.true_visits - blocks.estimated_visits) / (line_sums.estimated_visits / line_sums.block_count) as error_share
    from blocks
    inner join line_sums
        on
            blocks.line_id = line_sums.line_id
            and blocks.length_class = line_sums.length_class
            and blocks.method = line_sums.method
    where line_sums.estimated_visits > 0

),

pooled_sums as (

    select
        grain,
        length_class,
        method,
        method_order,
        count(*) as block_count,
        avg(cell_count) as cell_count,
        {{ exact_sum("error_share") }} / {{ exact_sum("estimated_share") }} as bias,
        {{ exact_sum("estimated_share * estimated_share") }} as estimated_square,
        {{ exact_sum("error_share * error_share") }} as error_square,
        {{ exact_sum("error_share * estimated_share") }} as error_product
    from shares
    group by grain, length_class, method, method_order

),

lines as (

    select distinct
        line_id,
        grain
    from {{ ref('int_visits__block_cells') }}

),

candidates as (

    select
        line_id,
        grain,
        length_class,
        method,
        method_order,
        block_count,
        cell_count,
        estimated_visits / block_count as usual_visits,
        error / estimated_visits as bias,
        estimated_square,
        error_square,
        error_product,
        true as is_own
    from line_sums
    where block_count >= 8 and estimated_visits > 0

    union all

    select
        lines.line_id,
        pooled_sums.grain,
        pooled_sums.length_class,
        pooled_sums.method,
        pooled_sums.method_order,
        pooled_sums.block_count,
        pooled_sums.cell_count,
        cast(null as double precision) as usual_visits,
        pooled_sums.bias,
        pooled_sums.estimated_square,
        pooled_sums.error_square,
        pooled_sums.error_product,
        false as is_own
    from pooled_sums
    inner join lines on pooled_sums.grain = lines.grain
    where pooled_sums.block_count >= 8

),

ranked as (

    select
        *,
        row_number() over (
            partition by line_id, grain, length_class, method
            order by case when is_own then 0 else 1 end
        ) as candidate_rank
    from candidates

),

final as (

    select
        line_id,
        grain,
        length_class,
        method,
        method_order,
        block_count,
        cell_count,
        usual_visits,
        bias,
        -- what is left of the squares when the shared part is taken out, as a share of the estimate
        sqrt(greatest(
            0,
            (error_square - 2 * bias * error_product + bias * bias * estimated_square) / estimated_square
        ) * block_count / (block_count - 1)) as spread,
        sqrt(error_square / estimated_square) as total_error,
        -- 97.5 % quantile of Student's t over that of the normal distribution: few blocks know their spread badly
        1 + 1.21 / (block_count - 1) + 1.44 / ((block_count - 1) * (block_count - 1)) as widening,
        is_own
    from ranked
    where candidate_rank = 1

)

select * from final
