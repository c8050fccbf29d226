-- Estimates cut by period: one row per block, area, period and scope (a branch, or the whole area), with the error that
-- its part of the block may have. A part is never surer than masked blocks of its own length were, nor than those of
-- the whole block. Errors of quiet cells grow as chance does, with the root of what is expected; and people who come one
-- by one scatter by the root of their number, however well a rate is known, so no guess at how many is surer than that
-- (a sister door saw who came, so what is left of chance there is less and stands in its masked errors).
with estimates as (

    select * from {{ ref('int_visits__estimates') }}

),

branch_days as (

    select * from {{ ref('int_library__branch_days') }}

),

day_periods as (

    select * from {{ ref('int_calendar__day_periods') }}

),

errors as (

    select * from {{ ref('int_visits__masked_errors') }}

),

parts as (

    select
        branch_days.area_id,
        estimates.branch_id,
        day_periods.period_kind,
        day_periods.period_start,
        day_periods.period_end,
        estimates.block_id,
        estimates.line_id,
        estimates.grain,
        estimates.method,
        min(estimates.cell_start_at) as first_cell_at,
        max(estimates.cell_start_at) as last_cell_at,
        count(*) as cell_count,
        {{ exact_sum("estimates.missing_minutes") }} as estimated_minutes,
        {{ exact_sum("estimates.estimated_visits") }} as estimated_visits,
        max(estimates.usual_visits) as block_usual_visits,
        max(estimates.bias) as block_bias,
        max(estimates.spread) as block_spread,
        max(estimates.widening) as block_widening
    from estimates
    inner join branch_days
        on
            estimates.branch_id = branch_days.branch_id
            and estimates.span_start_on = branch_days.local_date
    inner join day_periods
        on
            estimates.span_start_on = day_periods.local_date
            and estimates.span_end_on <= day_periods.period_end
    group by
        branch_days.area_id, estimates.branch_id, day_periods.period_kind, day_periods.period_start,
        day_periods.period_end, estimates.block_id, estimates.line_id, estimates.grain, estimates.method

),

nearest as (

    select
        parts.*,
        errors.usual_visits as part_usual_visits,
        errors.bias as part_bias,
        errors.spread as part_spread,
        errors.widening as part_widening,
        row_number() over (
            partition by parts.area_id, parts.block_id, parts.period_kind, parts.period_start
            order by abs(ln(parts.cell_count / errors.cell_count)), errors.length_class
        ) as nearness
    from parts
    inner join errors
        on
            parts.line_id = errors.line_id
            and parts.grain = errors.grain
            and parts.method = errors.method

),

estimated as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        block_id,
        line_id,
        grain,
        method,
        first_cell_at,
        last_cell_at,
        cell_count,
        estimated_minutes,
        estimated_visits,
        -- each block's own error, in visits, one standard deviation
        greatest(
            estimated_visits * block_spread * block_widening
            * sqrt(greatest(1, case when estimated_visits > 0 then coalesce(part_usual_visits, 0) / estimated_visits else 1 end)),
            estimated_visits * part_spread * part_widening
            * sqrt(greatest(1, case when estimated_visits > 0 then coalesce(part_usual_visits, 0) / estimated_visits else 1 end)),
            case when method = 'sister_door' then 0 else sqrt(estimated_visits) end
        ) as spread_visits,
        -- the error that all blocks of a line share, in visits
        estimated_visits * greatest(abs(block_bias), abs(part_bias)) as bias_visits
    from nearest
    where nearness = 1

),

final as (

    select * from estimated
    union all
    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        block_id,
        line_id,
        'hour' as grain,
        method,
        first_cell_at,
        last_cell_at,
        cell_count,
        estimated_minutes,
        estimated_visits,
        spread_visits,
        bias_visits
    from {{ ref('int_visits__span_parts') }}

)

select * from final
