-- Register intervals that are no hours, as spans of whole local days. A reading every evening runs from closing to
-- closing, so its people belong to the day that was open in between and to none of the two clock days it touches.
-- Where open time of several days lies between two readings, these days have one number together, with the hours
-- that the same line told on them: people are in one span only, and a day of it has none of its own.
{%- set patience = '15' %}

with pieces as (

    select * from {{ ref('int_doors__mapped_observations') }}
    where is_register and is_counted and not is_within_hour and line_id is not null and role = 'perimeter'

),

-- Time in which people are expected: open hours, or the whole day where none are described.
open_times as (

    select
        branch_id,
        local_date,
        opens_at,
        closes_at
    from {{ ref('int_library__open_intervals') }}

    union all

    select
        open_days.branch_id,
        open_days.local_date,
        open_days.day_start_at as opens_at,
        open_days.day_end_at as closes_at
    from {{ ref('int_library__open_days') }} as open_days
    where not open_days.is_hours_known

),

edges as (

    select
        branch_id,
        local_date,
        min(opens_at) as opens_at,
        max(closes_at) as closes_at
    from open_times
    group by branch_id, local_date

),

trimmed as (

    select
        pieces.observation_id,
        pieces.line_id,
        pieces.branch_id,
        pieces.rule,
        pieces.start_on,
        pieces.last_on,
        pieces.interval_start_at,
        pieces.interval_end_at,
        pieces.in_count,
        pieces.out_count,
        pieces.undirected_count,
        {{ edge_of_day('pieces.interval_start_at', 'first_day', patience) }} as from_at,
        {{ edge_of_day('pieces.interval_end_at', 'last_day', patience) }} as to_at
    from pieces
    left join edges as first_day
        on
            pieces.branch_id = first_day.branch_id
            and pieces.start_on = first_day.local_date
    left join edges as last_day
        on
            pieces.branch_id = last_day.branch_id
            and pieces.last_on = last_day.local_date

),

covered as (

    select
        trimmed.line_id,
        trimmed.interval_start_at,
        trimmed.interval_end_at,
        min(open_times.local_date) as first_open_on,
        max(open_times.local_date) as last_open_on,
        sum({{ minutes_between(
            'greatest(trimmed.from_at, open_times.opens_at)', 'least(trimmed.to_at, open_times.closes_at)'
        ) }}) as covered_minutes
    from trimmed
    inner join open_times
        on
            trimmed.branch_id = open_times.branch_id
            and open_times.local_date between trimmed.start_on and trimmed.last_on
            and open_times.opens_at < trimmed.to_at
            and open_times.closes_at > trimmed.from_at
    group by trimmed.line_id, trimmed.interval_start_at, trimmed.interval_end_at

),

dated as (

    select
        trimmed.*,
        coalesce(covered.first_open_on, trimmed.start_on) as first_day_on,
        coalesce(covered.last_open_on, trimmed.last_on) as last_day_on,
        coalesce(covered.covered_minutes, 0) as covered_minutes
    from trimmed
    left join covered
        on
            trimmed.line_id = covered.line_id
            and trimmed.interval_start_at = covered.interval_start_at
            and trimmed.interval_end_at = covered.interval_end_at
    where
        -- nobody came while it was closed: that ties no days together
        covered.line_id is not null
        or trimmed.start_on = trimmed.last_on
        or coalesce(trimmed.in_count, 0) + coalesce(trimmed.out_count, 0) + coalesce(trimmed.undirected_count, 0) > 0

),

reached as (

    select
        *,
        max(last_day_on) over (
            partition by line_id order by first_day_on, last_day_on, interval_start_at
            rows between unbounded preceding and 1 preceding
        ) as reached_on
    from dated

),

numbered as (

    select
        *,
        sum(case when reached_on is null or reached_on < first_day_on then 1 else 0 end) over (
            partition by line_id order by first_day_on, last_day_on, interval_start_at
            rows between unbounded preceding and current row
        ) as span_number
    from reached

),

spans as (

    select
        line_id,
        branch_id,
        rule,
        min(first_day_on) as span_start_on,
        cast({{ dbt.dateadd('day', 1, 'max(last_day_on)') }} as date) as span_end_on,
        sum(in_count) as in_count,
        sum(out_count) as out_count,
        sum(undirected_count) as undirected_count,
        sum(covered_minutes) as covered_minutes
    from numbered
    group by line_id, branch_id, rule, span_number

),

told_days as (

    select
        spans.line_id,
        spans.span_start_on,
        count(*) as day_count,
        sum(line_days.expected_minutes) as expected_minutes,
        sum(line_days.observed_minutes) as observed_minutes,
        sum(line_days.in_count) as in_count,
        sum(line_days.out_count) as out_count,
        sum(line_days.undirected_count) as undirected_count
    from spans
    inner join {{ ref('int_doors__line_days') }} as line_days
        on
            spans.line_id = line_days.line_id
            and line_days.local_date >= spans.span_start_on
            and line_days.local_date < spans.span_end_on
    group by spans.line_id, spans.span_start_on

),

final as (

    select
        spans.line_id,
        spans.branch_id,
        spans.rule,
        spans.span_start_on,
        spans.span_end_on,
        {%- for column in ('in_count', 'out_count', 'undirected_count') %}
            cast(coalesce(spans.{{ column }} + told_days.{{ column }}, spans.{{ column }}, told_days.{{ column }}) as bigint)
                as {{ column }},
        {%- endfor %}
        cast(told_days.expected_minutes as double precision) as expected_minutes,
        cast(least(spans.covered_minutes + told_days.observed_minutes, told_days.expected_minutes) as double precision)
            as observed_minutes
    from spans
    inner join told_days
        on
            spans.line_id = told_days.line_id
            and spans.span_start_on = told_days.span_start_on
    -- a span that reaches outside the line's or branch's time can't be said to speak of them alone
    where told_days.day_count = {{ days_between('spans.span_start_on', 'spans.span_end_on') }}

)

select * from final
