-- How the other branches did during a block, beside how they did in the comparable time around it: one ratio for each
-- week (of hours and days) or month in the block. A branch speaks when it counted at least four fifths of that week,
-- and of two weeks around it.
with block_cells as (

    select * from {{ ref('int_visits__block_cells') }}

),

cells as (

    select * from {{ ref('int_visits__cells') }}

),

line_positions as (

    select
        line_id,
        branch_id,
        segment_number,
        grain,
        position_number,
        {{ exact_sum("case when is_comparable then visits end") }} as visits,
        {{ exact_sum("case when is_comparable then expected_minutes end") }} as minutes
    from cells
    group by line_id, branch_id, segment_number, grain, position_number
    having
        {{ exact_sum("case when is_comparable then expected_minutes else 0 end") }} >= 0.8 * {{ exact_sum("expected_minutes") }}

),

block_positions as (

    select distinct
        block_id,
        branch_id,
        grain,
        position_number,
        min(position_number) over (partition by block_id) as first_position,
        max(position_number) over (partition by block_id) as last_position,
        case when grain = 'month' then {{ var('comparable_months_reach') }} else {{ var('comparable_weeks_reach') }} end
            as reach
    from block_cells

),

blocks as (

    select distinct
        block_id,
        branch_id,
        grain,
        first_position,
        last_position,
        reach
    from block_positions

),

around as (

    select
        blocks.block_id,
        others.line_id,
        others.segment_number,
        {{ exact_sum("others.visits") }} / {{ exact_sum("others.minutes") }} as visits_per_minute
    from blocks
    inner join line_positions as others
        on
            blocks.branch_id != others.branch_id
            and blocks.grain = others.grain
            and others.position_number between blocks.first_position - blocks.reach and blocks.last_position + blocks.reach
            and not others.position_number between blocks.first_position and blocks.last_position
    group by blocks.block_id, others.line_id, others.segment_number
    having count(*) >= 2

),

final as (

    select
        block_positions.block_id,
        block_positions.position_number,
        count(*) as other_line_count,
        {{ exact_sum("others.visits") }} / {{ exact_sum("around.visits_per_minute * others.minutes") }} as ratio
    from block_positions
    inner join line_positions as others
        on
            block_positions.branch_id != others.branch_id
            and block_positions.grain = others.grain
            and block_positions.position_number = others.position_number
    inner join around
        on
            block_positions.block_id = around.block_id
            and others.line_id = around.line_id
            and others.segment_number = around.segment_number
    group by block_positions.block_id, block_positions.position_number
    -- fewer people than this make a ratio of chance
    having {{ exact_sum("around.visits_per_minute * others.minutes") }} >= 50

)

select * from final
