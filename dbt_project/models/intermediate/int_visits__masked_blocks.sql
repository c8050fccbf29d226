-- Blocks that were observed and masked, with what each method would have said of them: one row per block and method that
-- could tell every cell of it.
with estimates as (

    select * from {{ ref('int_visits__block_estimates') }}
    where is_masked

),

sizes as (

    select
        block_id,
        count(*) as cell_count
    from {{ ref('int_visits__block_cells') }}
    where is_masked
    group by block_id

),

final as (

    select
        estimates.block_id,
        estimates.line_id,
        estimates.branch_id,
        estimates.grain,
        estimates.length_class,
        estimates.tile_number,
        estimates.method,
        estimates.method_order,
        sizes.cell_count,
        {{ exact_sum("estimates.estimated_visits") }} as estimated_visits,
        {{ exact_sum("estimates.true_visits") }} as true_visits
    from estimates
    inner join sizes on estimates.block_id = sizes.block_id
    group by
        estimates.block_id, estimates.line_id, estimates.branch_id, estimates.grain, estimates.length_class,
        estimates.tile_number, estimates.method, estimates.method_order, sizes.cell_count
    having count(*) = sizes.cell_count

)

select * from final
