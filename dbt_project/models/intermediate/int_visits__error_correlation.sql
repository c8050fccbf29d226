-- How far errors of different lines at the same time go together, measured on blocks that were masked at the same dates:
-- for lines of one branch, and for lines of different branches. Below zero counts as none.
with estimates as (

    select * from {{ ref('int_visits__block_estimates') }}
    where is_masked and length_class not in ('1 hour', '3 hours')

),

blocks as (

    select
        line_id,
        branch_id,
        grain,
        length_class,
        tile_number,
        method,
        method_order,
        {{ exact_sum("estimated_visits") }} as estimated_visits,
        {{ exact_sum("true_visits - estimated_visits") }} as error
    from estimates
    group by line_id, branch_id, grain, length_class, tile_number, method, method_order

),

-- the method a line would mostly take
line_methods as (

    select
        line_id,
        method,
        row_number() over (partition by line_id order by count(*) desc, method) as method_rank
    from {{ ref('int_visits__estimates') }}
    group by line_id, method

),

errors as (

    select
        blocks.line_id,
        blocks.branch_id,
        blocks.grain,
        blocks.length_class,
        blocks.tile_number,
        (blocks.error - masked_errors.bias * blocks.estimated_visits)
        / (masked_errors.spread * blocks.estimated_visits) as error
    from blocks
    inner join line_methods
        on
            blocks.line_id = line_methods.line_id
            and blocks.method = line_methods.method
            and line_methods.method_rank = 1
    inner join {{ ref('int_visits__masked_errors') }} as masked_errors
        on
            blocks.line_id = masked_errors.line_id
            and blocks.grain = masked_errors.grain
            and blocks.length_class = masked_errors.length_class
            and blocks.method = masked_errors.method
    where blocks.estimated_visits > 0 and masked_errors.spread > 0

),

pairs as (

    select
        one.branch_id = other.branch_id as is_same_branch,
        one.error * other.error as product
    from errors as one
    inner join errors as other
        on
            one.line_id < other.line_id
            and one.grain = other.grain
            and one.length_class = other.length_class
            and one.tile_number = other.tile_number

),

final as (

    select
        is_same_branch,
        count(*) as pair_count,
        least(1, greatest(0, {{ exact_sum("product") }} / count(*))) as correlation
    from pairs
    group by is_same_branch

)

select * from final
