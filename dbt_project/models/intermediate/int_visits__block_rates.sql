-- What a block's cells compare with: for each of its slots, the nearest comparable cells before and after it, of its own
-- line and of the other lines at the same branch. The whole block is left out, so that a masked one teaches honestly.
with block_cells as (

    select * from {{ ref('int_visits__block_cells') }}

),

cells as (

    select * from {{ ref('int_visits__cells') }}
    where is_comparable

),

edges as (

    select
        block_id,
        line_id,
        branch_id,
        segment_number,
        grain,
        min(position_number) as first_position,
        max(position_number) as last_position
    from block_cells
    group by block_id, line_id, branch_id, segment_number, grain

),

slots as (

    select distinct
        block_id,
        clock_slot
    from block_cells

),

block_slots as (

    select
        edges.block_id,
        edges.line_id,
        edges.branch_id,
        edges.segment_number,
        edges.grain,
        edges.first_position,
        edges.last_position,
        slots.clock_slot,
        case when edges.grain = 'month' then {{ var('comparable_months_reach') }} else {{ var('comparable_weeks_reach') }} end
            as reach,
        case when edges.grain = 'month' then {{ var('comparable_months_kept') }} else {{ var('comparable_weeks_kept') }} end
            as kept
    from edges
    inner join slots on edges.block_id = slots.block_id

),

near as (

    select
        block_slots.block_id,
        block_slots.line_id as block_line_id,
        block_slots.clock_slot,
        block_slots.kept,
        cells.line_id,
        cells.visits,
        cells.expected_minutes,
        row_number() over (
            partition by block_slots.block_id, cells.line_id, cells.clock_slot, cells.position_number > block_slots.last_position
            order by
                case
                    when cells.position_number > block_slots.last_position then cells.position_number
                    else -cells.position_number
                end,
                -- the hour that comes twice in autumn
                cells.cell_start_at
        ) as nearness
    from block_slots
    inner join cells
        on
            block_slots.branch_id = cells.branch_id
            and block_slots.segment_number = cells.segment_number
            and block_slots.grain = cells.grain
            and block_slots.clock_slot = cells.clock_slot
            and cells.position_number between
            block_slots.first_position - block_slots.reach and block_slots.last_position + block_slots.reach
            and not cells.position_number between block_slots.first_position and block_slots.last_position

),

final as (

    select
        block_id,
        line_id,
        line_id = block_line_id as is_own,
        clock_slot,
        count(*) as comparable_count,
        {{ exact_sum("visits") }} as comparable_visits,
        {{ exact_sum("expected_minutes") }} as comparable_minutes
    from near
    where nearness <= kept
    group by block_id, line_id, block_line_id, clock_slot

)

select * from final
