-- Tellings longer than an hour (a day, a month): kept as the span they speak of, never spread over its days. A span
-- gives way where the same line also told hours inside it, or the same people would count twice. Registers never tell
-- people twice, and their spans hold the hours inside them.
-- Three months in a row of one number that is a whole number of weekly visits times 52/12 are a week that was counted once
-- and spread: either alone is chance (two months in five hundred, one number in four). Noughts in a row are a closure.
with spans as (

    select
        line_id,
        branch_id,
        rule,
        start_on as span_start_on,
        cast({{ dbt.dateadd('day', 1, 'last_on') }} as date) as span_end_on,
        in_count,
        out_count,
        undirected_count,
        is_counted
    from {{ ref('int_doors__mapped_observations') }}
    where
        line_id is not null and role = 'perimeter' and not is_within_hour and value_state = 'observed'
        and not is_register

),

line_days as (

    select * from {{ ref('int_doors__line_days') }}

),

covered as (

    select
        spans.line_id,
        spans.span_start_on,
        spans.span_end_on,
        count(*) as day_count,
        sum(line_days.expected_minutes) as expected_minutes,
        sum(line_days.hour_count) as hour_count
    from spans
    inner join line_days
        on
            spans.line_id = line_days.line_id
            and line_days.local_date >= spans.span_start_on
            and line_days.local_date < spans.span_end_on
    group by spans.line_id, spans.span_start_on, spans.span_end_on

),

told_spans as (

    select
        spans.line_id,
        spans.branch_id,
        spans.rule,
        spans.span_start_on,
        spans.span_end_on,
        spans.in_count,
        spans.out_count,
        spans.undirected_count,
        cast(covered.expected_minutes as double precision) as expected_minutes,
        cast(covered.expected_minutes as double precision) as observed_minutes
    from spans
    inner join covered
        on
            spans.line_id = covered.line_id
            and spans.span_start_on = covered.span_start_on
            and spans.span_end_on = covered.span_end_on
    where
        spans.is_counted
        and covered.hour_count = 0
        -- a span that reaches outside the line's or branch's time can't be said to speak of them alone
        and covered.day_count = {{ days_between('spans.span_start_on', 'spans.span_end_on') }}

),

months as (

    select
        line_id,
        span_start_on,
        coalesce(in_count, undirected_count) as month_count,
        extract(year from span_start_on) * 12 + extract(month from span_start_on)
        - row_number() over (
            partition by line_id, coalesce(in_count, undirected_count)
            order by span_start_on
        ) as run_number
    from told_spans
    where
        span_start_on = {{ period_start('month', 'span_start_on') }}
        and span_end_on = {{ period_end('month', 'span_start_on') }}

),

sampled as (

    select
        line_id,
        month_count,
        run_number
    from months
    where month_count > 0 and month_count = round(round(month_count * 12.0 / 52.0) * 52.0 / 12.0)
    group by line_id, month_count, run_number
    having count(*) >= 3

),

final as (

    select
        told_spans.*,
        sampled.line_id is not null as is_sample_spread
    from told_spans
    left join months
        on
            told_spans.line_id = months.line_id
            and told_spans.span_start_on = months.span_start_on
            and told_spans.span_end_on = {{ period_end('month', 'told_spans.span_start_on') }}
    left join sampled
        on
            months.line_id = sampled.line_id
            and months.month_count = sampled.month_count
            and months.run_number = sampled.run_number

    union all

    select
        *,
        false as is_sample_spread
    from {{ ref('int_doors__register_spans') }}

)

select * from final
