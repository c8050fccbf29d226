-- A span of several days that one number was told for (a register read before and after a weekend, or an outage), cut
-- where a period ends inside it: method span_split. Its people are divided over its days as this line's people usually
-- come, so the parts are estimates and their sum is what was told. Two parts of one number err together: what one has
-- too much the other lacks, so their error is that of two estimates of which the sum is known.
-- Only lines that tell hours: what a branch tells once a month stays a month.
with spans as (

    select
        line_id,
        branch_id,
        span_start_on,
        span_end_on,
        visits,
        observed_minutes / nullif(expected_minutes, 0) as told_share
    from {{ ref('int_visits__line_visits') }}
    where {{ days_between('span_start_on', 'span_end_on') }} > 1

),

cells as (

    select * from {{ ref('int_visits__cells') }}
    where grain = 'hour'

),

profile as (

    select
        line_id,
        segment_number,
        clock_slot,
        {{ exact_sum("visits") }} / {{ exact_sum("expected_minutes") }} as visits_per_minute
    from cells
    where is_comparable
    group by line_id, segment_number, clock_slot

),

days as (

    select
        spans.line_id,
        spans.branch_id,
        spans.span_start_on,
        spans.span_end_on,
        spans.visits,
        spans.told_share,
        cells.span_start_on as local_date,
        min(cells.cell_start_at) as first_cell_at,
        max(cells.cell_start_at) as last_cell_at,
        count(*) as cell_count,
        {{ exact_sum("cells.expected_minutes") }} as expected_minutes,
        {{ exact_sum("coalesce(profile.visits_per_minute, 0) * cells.expected_minutes") }} as usual_visits
    from spans
    inner join cells
        on
            spans.line_id = cells.line_id
            and cells.span_start_on >= spans.span_start_on
            and cells.span_start_on < spans.span_end_on
    left join profile
        on
            cells.line_id = profile.line_id
            and cells.segment_number = profile.segment_number
            and cells.clock_slot = profile.clock_slot
    group by
        spans.line_id, spans.branch_id, spans.span_start_on, spans.span_end_on, spans.visits, spans.told_share,
        cells.span_start_on

),

whole as (

    select
        line_id,
        span_start_on,
        count(*) as day_count,
        sum(cell_count) as cell_count,
        {{ exact_sum("usual_visits") }} as usual_visits
    from days
    group by line_id, span_start_on

),

parts as (

    select
        branch_days.area_id,
        days.branch_id,
        day_periods.period_kind,
        day_periods.period_start,
        day_periods.period_end,
        days.line_id || '/' || cast(days.span_start_on as {{ dbt.type_string() }}) || '/split' as block_id,
        days.line_id,
        min(days.first_cell_at) as first_cell_at,
        max(days.last_cell_at) as last_cell_at,
        sum(days.cell_count) as cell_count,
        max(whole.cell_count) as whole_cell_count,
        {{ exact_sum("days.expected_minutes * days.told_share") }} as estimated_minutes,
        {{ exact_sum("days.visits * days.usual_visits / whole.usual_visits") }} as estimated_visits,
        max(days.visits) as whole_visits
    from days
    inner join whole
        on
            days.line_id = whole.line_id
            and days.span_start_on = whole.span_start_on
            and whole.usual_visits > 0
    inner join {{ ref('int_library__branch_days') }} as branch_days
        on
            days.branch_id = branch_days.branch_id
            and days.local_date = branch_days.local_date
    inner join {{ ref('int_calendar__day_periods') }} as day_periods on days.local_date = day_periods.local_date
    group by
        branch_days.area_id, days.branch_id, day_periods.period_kind, day_periods.period_start,
        day_periods.period_end, days.line_id, days.span_start_on, days.span_end_on
    -- a period that holds the span whole needs no part of it
    having not (days.span_start_on >= day_periods.period_start and days.span_end_on <= day_periods.period_end)

),

errors as (

    select * from {{ ref('int_visits__masked_errors') }}
    where grain = 'hour' and method = 'comparable_time'

),

nearest as (

    select
        parts.*,
        errors.length_class,
        errors.block_count,
        -- each part as if it were an estimate of its own; quiet ones err as chance does
        errors.widening * errors.spread
        * sqrt(
            greatest(parts.estimated_visits, coalesce(errors.usual_visits, 0)) * parts.estimated_visits
        ) as own_error,
        errors.widening * errors.spread
        * sqrt(
            greatest(parts.whole_visits - parts.estimated_visits, coalesce(errors.usual_visits, 0))
            * greatest(parts.whole_visits - parts.estimated_visits, 0)
        ) as other_error,
        row_number() over (
            partition by parts.area_id, parts.block_id, parts.period_kind, parts.period_start
            order by abs(ln(parts.cell_count / errors.cell_count)), errors.length_class
        ) as nearness
    from parts
    inner join errors on parts.line_id = errors.line_id

),

final as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        block_id,
        line_id,
        'span_split' as method,
        first_cell_at,
        last_cell_at,
        cell_count,
        estimated_minutes,
        estimated_visits,
        case
            when own_error > 0 and other_error > 0
                then own_error * other_error / sqrt(own_error * own_error + other_error * other_error)
            else 0
        end as spread_visits,
        cast(0 as double precision) as bias_visits,
        length_class,
        block_count as masked_block_count
    from nearest
    where nearness = 1

)

select * from final
