with branch_periods as (

    select * from {{ ref('int_events__branch_periods') }}

),

grouped as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        is_covered,
        held_count,
        least_count,
        most_count,
        with_partner_count,
        reported_count,
        attended_count,
        attendance_count
    from branch_periods

    union all

    select
        area_id,
        cast(null as {{ dbt.type_string() }}) as branch_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        min(case when is_covered then 1 else 0 end) = 1 as is_covered,
        {{ whole_again('sum(held_count)') }} as held_count,
        {{ whole_again('sum(area_least_count)') }} as least_count,
        {{ whole_again('sum(most_count)') }} as most_count,
        {{ whole_again('sum(with_partner_count)') }} as with_partner_count,
        {{ whole_again('sum(reported_count)') }} as reported_count,
        {{ whole_again('sum(attended_count)') }} as attended_count,
        {{ whole_again('sum(attendance_count)') }} as attendance_count
    from branch_periods
    group by area_id, period_kind, period_start, period_end, is_whole

),

reports as (

    select
        *,
        reported_count = held_count as is_reported,
        {{ count_text('reported_count') }} || ' of ' || {{ count_text('held_count') }}
        || ' events have an attendance report' as report_note,
        case when held_count > 0 then cast(reported_count as double precision) / held_count end as reported_share
    from grouped

),

all_figures as (

    {% for figure_id, measured, least, most, needs_reports in [
        ('events_held', 'held_count', 'least_count', 'most_count', false),
        ('events_with_partner', 'with_partner_count', none, none, false),
        ('events_without_attendance', whole_again('held_count - reported_count'), none, none, false),
        ('events_held_at_least_2_present', 'attended_count', none, none, true),
        ('event_attendances', 'coalesce(attendance_count, 0)', none, none, true),
    ] %}
        select
            '{{ figure_id }}' as figure_id,
            area_id,
            branch_id,
            period_kind,
            period_start,
            period_end,
            is_whole,
            is_covered,
            cast({{ measured }} as double precision) as measured,
            -- an event that is in doubt may be one less, or one more
            cast({{ least or measured }} as double precision) as least,
            cast({{ most or measured }} as double precision) as most,
            {% if needs_reports %}is_reported{% else %}true{% endif %} as is_known,
            {% if needs_reports %}report_note{% else %}cast(null as {{ dbt.type_string() }}){% endif %} as unknown_note,
            {% if needs_reports %}reported_share{% else %}cast(null as double precision){% endif %} as reported_share,
            -- what was reported is the least that it can be
            {% if needs_reports %}reported_count > 0{% else %}false{% endif %} as is_partly_known
        from reports
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        figure_id,
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        case when is_whole and is_covered and is_known then measured end as value,
        case when is_whole and is_covered and (is_known or is_partly_known) then least end as value_low,
        case when is_whole and is_covered and is_known then most end as value_high,
        case when is_whole and is_covered then reported_share end as observed_share,
        case
            when not is_whole then 'O'
            when not is_covered then 'L'
            when not is_known then 'L'
            else 'A'
        end as status_value,
        case
            when not is_whole then 'the period is not whole: it began before reporting or has not ended'
            when not is_covered then 'no event feed speaks for the whole period'
            when not is_known then unknown_note
        end as note
    from all_figures

)

select
    figure_id,
    area_id,
    branch_id,
    period_kind,
    period_start,
    period_end,
    value,
    value_low,
    value_high,
    observed_share,
    case when value is not null then 1.0 end as quantity_share,
    case when value is not null then 'counted' else 'none' end as method,
    status_value,
    note
from final
