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
        with_partner_count,
        reported_count,
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
        sum(held_count) as held_count,
        sum(with_partner_count) as with_partner_count,
        sum(reported_count) as reported_count,
        sum(attendance_count) as attendance_count
    from branch_periods
    group by area_id, period_kind, period_start, period_end, is_whole

),

held as (

    select
        'events_held' as figure_id,
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        is_covered,
        cast(held_count as double precision) as measured,
        true as is_known,
        cast(null as {{ dbt.type_string() }}) as unknown_note
    from grouped

),

with_partner as (

    select
        'events_with_partner' as figure_id,
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        is_covered,
        cast(with_partner_count as double precision) as measured,
        true as is_known,
        cast(null as {{ dbt.type_string() }}) as unknown_note
    from grouped

),

attendances as (

    select
        'event_attendances' as figure_id,
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        is_covered,
        case when held_count = 0 then 0.0 else cast(attendance_count as double precision) end as measured,
        reported_count = held_count as is_known,
        cast(reported_count as {{ dbt.type_string() }}) || ' of ' || cast(held_count as {{ dbt.type_string() }})
        || ' events have an attendance report' as unknown_note
    from grouped

),

all_figures as (

    select * from held
    union all
    select * from with_partner
    union all
    select * from attendances

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
    value as value_low,
    value as value_high,
    cast(null as double precision) as observed_share,
    case when value is not null then 1.0 end as quantity_share,
    case when value is not null then 'counted' else 'none' end as method,
    status_value,
    note
from final
