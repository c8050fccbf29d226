with line_days as (

    select * from {{ ref('int_doors__line_days') }}

),

spans as (

    select * from {{ ref('int_doors__line_spans') }}

),

days_without_span as (

    select line_days.*
    from line_days
    left join spans
        on
            line_days.line_id = spans.line_id
            and line_days.local_date >= spans.span_start_on
            and line_days.local_date < spans.span_end_on
    where spans.line_id is null

),

told as (

    select
        line_id,
        branch_id,
        rule,
        local_date as span_start_on,
        cast({{ dbt.dateadd('day', 1, 'local_date') }} as date) as span_end_on,
        in_count,
        out_count,
        undirected_count,
        added_visits,
        expected_minutes,
        observed_minutes,
        hour_count > 0 as is_told,
        false as is_sample_spread
    from days_without_span

    union all

    select
        line_id,
        branch_id,
        rule,
        span_start_on,
        span_end_on,
        in_count,
        out_count,
        undirected_count,
        0 as added_visits,
        expected_minutes,
        observed_minutes,
        true as is_told,
        is_sample_spread
    from spans

),

-- A span that is calibrated on some of its days has their mean.
factors as (

    select
        told.line_id,
        told.span_start_on,
        told.span_end_on,
        1 + {{ exact_sum('line_factors.calibration_factor - 1') }} / {{ days_between('told.span_start_on', 'told.span_end_on') }}
            as calibration_factor
    from told
    inner join {{ ref('int_doors__line_factors') }} as line_factors
        on
            told.line_id = line_factors.line_id
            and line_factors.local_date >= told.span_start_on
            and line_factors.local_date < told.span_end_on
    group by told.line_id, told.span_start_on, told.span_end_on

),

counted as (

    select
        told.*,
        {{ visits_by_rule('told.rule', 'told.in_count', 'told.out_count', 'told.undirected_count') }}
        + coalesce(told.added_visits, 0) as counted_visits,
        coalesce(factors.calibration_factor, 1) as calibration_factor
    from told
    left join factors
        on
            told.line_id = factors.line_id
            and told.span_start_on = factors.span_start_on
            and told.span_end_on = factors.span_end_on

),

final as (

    select
        line_id,
        branch_id,
        span_start_on,
        span_end_on,
        counted_visits * calibration_factor as visits,
        counted_visits,
        calibration_factor,
        in_count,
        out_count,
        undirected_count,
        expected_minutes,
        observed_minutes,
        case
            when expected_minutes = 0 and is_told then 'closed_told'
            when expected_minutes = 0 then 'closed'
            when not is_told then 'missing'
            when observed_minutes < expected_minutes - 0.001 then 'partial'
            when is_sample_spread then 'estimated_spread'
            when calibration_factor <> 1 then 'calibrated'
            else 'observed'
        end as value_state
    from counted

)

select * from final
