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

final as (

    select
        line_id,
        branch_id,
        span_start_on,
        span_end_on,
        {{ visits_by_rule('rule', 'in_count', 'out_count', 'undirected_count') }} + coalesce(added_visits, 0) as visits,
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
            else 'observed'
        end as value_state
    from told

)

select * from final
