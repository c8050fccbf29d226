-- Blocks of cells to estimate: those that are missing, each a stretch of one line without a break in it, and masked
-- ones, which were observed and are estimated all the same, to learn how far estimates lie from the truth. Masked
-- blocks stand at the same dates for all lines, so that errors of different lines can be compared.
with cells as (

    select * from {{ ref('int_visits__cells') }}

),

missing_cells as (

    select
        *,
        cell_number - row_number() over (partition by line_id, segment_number order by cell_number) as stretch_number
    from cells
    where missing_minutes > 0.001

),

stretches as (

    select
        *,
        min(cell_start_at) over (partition by line_id, segment_number, stretch_number) as first_cell_at
    from missing_cells

),

missing as (

    select
        *,
        line_id || '/' || cast(first_cell_at as {{ dbt.type_string() }}) as block_id,
        cast('' as {{ dbt.type_string() }}) as length_class,
        0 as tile_number
    from stretches

),

lengths as (

    {%- for grain, length_class, unit, size in masked_lengths() %}
        select
            '{{ grain }}' as grain,
            '{{ length_class }}' as length_class,
            '{{ unit }}' as unit,
            {{ size }} as size
        {{ 'union all' if not loop.last }}
    {%- endfor %}

),

lines_with_gaps as (

    select
        grain,
        count(distinct case when missing_minutes > 0.001 then line_id end) as line_count
    from cells
    group by grain

),

-- Nothing is masked where nothing is missing: there is no error to learn.
tiled as (

    select
        cells.*,
        lengths.length_class,
        cast(floor(
            case
                when lengths.unit = 'month' then cells.position_number
                when lengths.unit = 'day' then {{ days_between("cast('2001-01-01' as date)", 'cells.span_start_on') }}
                else {{ minutes_between("cast('2001-01-01 00:00:00' as timestamp)", 'cells.cell_start_at') }} / 60
            end / lengths.size
        ) as int) as tile_number
    from cells
    inner join lengths on cells.grain = lengths.grain
    inner join lines_with_gaps
        on
            cells.grain = lines_with_gaps.grain
            and lines_with_gaps.line_count > 0

),

-- A long tile nearly always holds a holiday: its other cells are masked.
whole_tiles as (

    select
        line_id,
        segment_number,
        grain,
        length_class,
        tile_number
    from tiled
    group by line_id, segment_number, grain, length_class, tile_number
    having sum(case when is_comparable then 1 else 0 end) >= 0.9 * count(*)

),

-- In an order that looks like chance and is the same for all lines: spread over the years, and at shared dates.
ranked_tiles as (

    select
        *,
        row_number() over (
            partition by line_id, length_class
            order by mod(tile_number * 7919, 10007), tile_number, segment_number
        ) as tile_rank
    from whole_tiles

),

chosen_tiles as (

    select * from ranked_tiles
    where tile_rank <= {{ var('masked_blocks_per_length') }}

),

masked as (

    select
        tiled.line_id,
        tiled.branch_id,
        tiled.segment_number,
        tiled.grain,
        tiled.cell_start_at,
        tiled.span_start_on,
        tiled.span_end_on,
        tiled.clock_slot,
        tiled.position_number,
        tiled.expected_minutes,
        tiled.expected_minutes as missing_minutes,
        tiled.visits,
        tiled.line_id || '/' || tiled.length_class || '/' || cast(tiled.tile_number as {{ dbt.type_string() }}) as block_id,
        tiled.length_class,
        tiled.tile_number
    from tiled
    inner join chosen_tiles
        on
            tiled.line_id = chosen_tiles.line_id
            and tiled.segment_number = chosen_tiles.segment_number
            and tiled.length_class = chosen_tiles.length_class
            and tiled.tile_number = chosen_tiles.tile_number
    where tiled.is_comparable

),

final as (

    select
        block_id,
        false as is_masked,
        line_id,
        branch_id,
        segment_number,
        grain,
        cell_start_at,
        span_start_on,
        span_end_on,
        clock_slot,
        position_number,
        missing_minutes,
        -- what was seen of these cells, which an estimate does not replace
        visits as true_visits,
        length_class,
        tile_number
    from missing

    union all

    select
        block_id,
        true as is_masked,
        line_id,
        branch_id,
        segment_number,
        grain,
        cell_start_at,
        span_start_on,
        span_end_on,
        clock_slot,
        position_number,
        missing_minutes,
        visits as true_visits,
        length_class,
        tile_number
    from masked

)

select * from final
