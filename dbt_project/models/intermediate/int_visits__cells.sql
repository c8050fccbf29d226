-- The pieces in which visits are expected and, where they are missing, estimated: hours of lines that tell hours, days
-- of lines that tell days, months of lines that tell nothing finer. Cells of one line, grain and slot compare with each
-- other; their position (a week, a month) says how far apart they are.
with hour_states as (

    select * from {{ ref('int_doors__hour_states') }}

),

spans as (

    select * from {{ ref('int_doors__line_spans') }}

),

spanned_days as (

    select
        line_days.line_id,
        line_days.local_date,
        -- of a span that was told in part (a register that was not read all day), nobody knows which of it is missing
        max(case
            when spans.expected_minutes > 0 then greatest(0, 1 - spans.observed_minutes / spans.expected_minutes) else 0
        end) as missing_share
    from {{ ref('int_doors__line_days') }} as line_days
    inner join spans
        on
            line_days.line_id = spans.line_id
            and line_days.local_date >= spans.span_start_on
            and line_days.local_date < spans.span_end_on
    group by line_days.line_id, line_days.local_date

),

hour_cells as (

    select
        hour_states.line_id,
        hour_states.branch_id,
        hour_states.segment_number,
        'hour' as grain,
        hour_states.hour_start_at as cell_start_at,
        hour_states.local_date as span_start_on,
        cast({{ dbt.dateadd('day', 1, 'hour_states.local_date') }} as date) as span_end_on,
        hour_states.clock_slot,
        hour_states.week_number as position_number,
        hour_states.expected_minutes,
        case
            when spanned_days.line_id is not null then hour_states.expected_minutes * spanned_days.missing_share
            when hour_states.value_state = 'not_yet_received' then 0
            else hour_states.expected_minutes - hour_states.observed_minutes
        end as missing_minutes,
        hour_states.visits,
        hour_states.is_comparable and spanned_days.line_id is null as is_comparable
    from hour_states
    left join spanned_days
        on
            hour_states.line_id = spanned_days.line_id
            and hour_states.local_date = spanned_days.local_date

),

hourly_lines as (

    select distinct line_id from hour_states

),

-- Lines that tell no hours: a day or a month is the finest they say.
coarse_lines as (

    select
        spans.line_id,
        max(case when spans.span_end_on = {{ dbt.dateadd('day', 1, 'spans.span_start_on') }} then 1 else 0 end) as tells_days
    from spans
    left join hourly_lines on spans.line_id = hourly_lines.line_id
    where hourly_lines.line_id is null
    group by spans.line_id

),

last_told as (

    select
        line_id,
        max(span_end_on) as told_until_on
    from spans
    group by line_id

),

coarse_days as (

    select
        expected.line_id,
        expected.branch_id,
        segments.segment_number,
        case when coarse_lines.tells_days = 1 then 'day' else 'month' end as grain,
        expected.local_date,
        expected.expected_minutes,
        day_rules.day_rule = 'regular' as is_ordinary,
        spanned_days.line_id is not null as is_told,
        expected.local_date >= last_told.told_until_on
        and {{ plus_minutes('cast(expected.local_date as timestamp)', 'coalesce(sources.expected_every_hours, 24) * 66') }}
        >= {{ as_of() }} as is_young
    from {{ ref('int_doors__expected_line_days') }} as expected
    inner join coarse_lines on expected.line_id = coarse_lines.line_id
    inner join last_told on expected.line_id = last_told.line_id
    inner join {{ ref('stg_library__lines') }} as lines on expected.line_id = lines.line_id
    inner join {{ ref('stg_library__sources') }} as sources on lines.source_id = sources.source_id
    inner join {{ ref('int_library__segments') }} as segments
        on
            expected.branch_id = segments.branch_id
            and expected.local_date = segments.local_date
    inner join {{ ref('int_library__day_rules') }} as day_rules
        on
            expected.branch_id = day_rules.branch_id
            and expected.local_date = day_rules.local_date
    left join spanned_days
        on
            expected.line_id = spanned_days.line_id
            and expected.local_date = spanned_days.local_date
    where expected.expected_minutes > 0

),

coarse_cells as (

    select
        line_id,
        branch_id,
        segment_number,
        grain,
        case when grain = 'day' then local_date else {{ period_start('month', 'local_date') }} end as span_start_on,
        {{ exact_sum("expected_minutes") }} as expected_minutes,
        {{ exact_sum("case when is_told or is_young then 0 else expected_minutes end") }} as missing_minutes,
        min(case when is_ordinary or grain = 'month' then 1 else 0 end) as is_ordinary
    from coarse_days
    group by
        line_id, branch_id, segment_number, grain,
        case when grain = 'day' then local_date else {{ period_start('month', 'local_date') }} end

),

coarse_spans as (

    select
        *,
        cast(
            case
                when grain = 'day' then {{ dbt.dateadd('day', 1, 'span_start_on') }}
                else {{ dbt.dateadd('month', 1, 'span_start_on') }}
            end as date
        ) as span_end_on
    from coarse_cells

),

coarse_visits as (

    select
        coarse_spans.*,
        {{ visits_by_rule('spans.rule', 'spans.in_count', 'spans.out_count', 'spans.undirected_count') }} as visits,
        coalesce(spans.is_sample_spread, false) as is_sample_spread
    from coarse_spans
    left join spans
        on
            coarse_spans.line_id = spans.line_id
            and coarse_spans.span_start_on = spans.span_start_on
            and coarse_spans.span_end_on = spans.span_end_on

),

final as (

    select * from hour_cells

    union all

    select
        line_id,
        branch_id,
        segment_number,
        grain,
        cast(span_start_on as timestamp) as cell_start_at,
        span_start_on,
        span_end_on,
        case
            when grain = 'day' then cast({{ isodow('span_start_on') }} as {{ dbt.type_string() }})
            else 'month'
        end as clock_slot,
        case
            when grain = 'day' then {{ week_number('span_start_on') }}
            else cast(extract(year from span_start_on) * 12 + extract(month from span_start_on) as int)
        end as position_number,
        expected_minutes,
        missing_minutes,
        visits,
        -- a month of zero may be a closure that nobody described, and a spread sample is an estimate: they teach nothing
        visits is not null and missing_minutes = 0 and is_ordinary = 1 and (grain = 'day' or visits > 0)
        and not is_sample_spread as is_comparable
    from coarse_visits

)

select
    *,
    row_number() over (partition by line_id order by cell_start_at) as cell_number
from final
