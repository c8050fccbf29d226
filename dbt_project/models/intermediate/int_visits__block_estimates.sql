-- Every block by every method that can be used on it, cell by cell. The methods, in the order in which they are tried:
--   sister_door       the other doors of the branch at the same time, times the line's usual share of them
--   sister_branches   comparable time of the line, times how the other branches did in that week or month
--   comparable_time   comparable time of the line: the same weekday and hour of the nearest weeks, or the nearest months
-- A cell that was seen in part is estimated for the rest of its minutes.
with block_cells as (

    select * from {{ ref('int_visits__block_cells') }}

),

rates as (

    select * from {{ ref('int_visits__block_rates') }}

),

cells as (

    select * from {{ ref('int_visits__cells') }}

),

ratios as (

    select * from {{ ref('int_visits__branch_ratios') }}

),

usual as (

    select
        block_cells.block_id,
        block_cells.is_masked,
        block_cells.line_id,
        block_cells.branch_id,
        block_cells.grain,
        block_cells.cell_start_at,
        block_cells.span_start_on,
        block_cells.span_end_on,
        block_cells.clock_slot,
        block_cells.position_number,
        block_cells.missing_minutes,
        block_cells.true_visits,
        block_cells.length_class,
        block_cells.tile_number,
        rates.comparable_count,
        rates.comparable_visits / rates.comparable_minutes * block_cells.missing_minutes as usual_visits
    from block_cells
    left join rates
        on
            block_cells.block_id = rates.block_id
            and block_cells.clock_slot = rates.clock_slot
            and rates.is_own

),

comparable_time as (

    select
        usual.*,
        'comparable_time' as method,
        3 as method_order,
        usual.usual_visits as estimated_visits,
        0 as other_line_count
    from usual

),

sister_branches as (

    select
        usual.*,
        'sister_branches' as method,
        2 as method_order,
        usual.usual_visits * ratios.ratio as estimated_visits,
        ratios.other_line_count
    from usual
    inner join ratios
        on
            usual.block_id = ratios.block_id
            and usual.position_number = ratios.position_number

),

-- Only doors that told every missing cell of the block, and every comparable one.
door_cells as (

    select
        usual.block_id,
        usual.cell_start_at,
        others.line_id as other_line_id,
        others.visits * usual.missing_minutes / others.expected_minutes as other_visits,
        rates.comparable_visits / rates.comparable_minutes * usual.missing_minutes as other_usual_visits
    from usual
    inner join cells as others
        on
            usual.branch_id = others.branch_id
            and usual.line_id != others.line_id
            and usual.grain = others.grain
            and usual.cell_start_at = others.cell_start_at
            and others.visits is not null
            and others.missing_minutes = 0
    inner join rates
        on
            usual.block_id = rates.block_id
            and others.line_id = rates.line_id
            and usual.clock_slot = rates.clock_slot
            and not rates.is_own

),

block_sizes as (

    select
        block_id,
        count(*) as cell_count,
        count(usual_visits) as usual_cell_count,
        {{ exact_sum("usual_visits") }} as usual_visits
    from usual
    group by block_id

),

doors as (

    select
        door_cells.block_id,
        door_cells.other_line_id,
        {{ exact_sum("door_cells.other_usual_visits") }} as other_usual_visits
    from door_cells
    inner join block_sizes on door_cells.block_id = block_sizes.block_id
    group by door_cells.block_id, door_cells.other_line_id, block_sizes.cell_count
    having count(*) = block_sizes.cell_count

),

door_shares as (

    select
        doors.block_id,
        count(*) as other_line_count,
        block_sizes.usual_visits / {{ exact_sum("doors.other_usual_visits") }} as share
    from doors
    inner join block_sizes on doors.block_id = block_sizes.block_id
    where block_sizes.usual_cell_count = block_sizes.cell_count
    group by doors.block_id, block_sizes.usual_visits
    having {{ exact_sum("doors.other_usual_visits") }} >= 1

),

door_sums as (

    select
        door_cells.block_id,
        door_cells.cell_start_at,
        {{ exact_sum("door_cells.other_visits") }} as other_visits
    from door_cells
    inner join doors
        on
            door_cells.block_id = doors.block_id
            and door_cells.other_line_id = doors.other_line_id
    group by door_cells.block_id, door_cells.cell_start_at

),

sister_door as (

    select
        usual.*,
        'sister_door' as method,
        1 as method_order,
        door_sums.other_visits * door_shares.share as estimated_visits,
        door_shares.other_line_count
    from usual
    inner join door_sums
        on
            usual.block_id = door_sums.block_id
            and usual.cell_start_at = door_sums.cell_start_at
    inner join door_shares on usual.block_id = door_shares.block_id

),

final as (

    select * from comparable_time
    union all
    select * from sister_branches
    union all
    select * from sister_door

)

select * from final
where estimated_visits is not null
