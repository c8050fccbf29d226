-- Visits and what is made of them. Rule sources: docs/figures.md. A period with a missing part has no value: its
-- observed share says how much was seen, its note why the rest was not.
with periods as (

    select * from {{ ref('int_visits__periods') }}

),

inhabitants as (

    select
        periods.area_id,
        periods.period_start,
        inhabitants.inhabitant_count,
        row_number() over (
            partition by periods.area_id, periods.period_start
            order by inhabitants.counted_on desc
        ) as count_rank
    from periods
    inner join {{ ref('stg_library__inhabitants') }} as inhabitants
        on
            periods.area_id = inhabitants.area_id
            and inhabitants.counted_on <= periods.period_end
    where periods.branch_id is null and periods.period_kind = 'year'

),

told as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        open_minutes,
        case when is_whole and completeness = 'complete' then visits end as visits,
        case when is_whole and expected_minutes > 0 then observed_minutes / expected_minutes end as observed_share,
        case
            when not is_whole then 'O'
            when completeness = 'complete' then 'A'
            when completeness = 'closed' then 'H'
            else 'L'
        end as status_value,
        case
            when not is_whole then 'the period is not whole: it began before reporting or has not ended'
            when completeness = 'closed' then 'closed the whole period'
            when completeness = 'no_counter' then 'open without a described counter'
            when completeness = 'incomplete'
                then
                    'incomplete: ' || cast(complete_branch_count as {{ dbt.type_string() }}) || ' of '
                    || cast(branch_count as {{ dbt.type_string() }}) || ' branches fully observed'
        end as note
    from periods

),

visits as (

    select
        'visits' as figure_id,
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        visits as value,
        observed_share,
        status_value,
        note
    from told

),

per_open_hour as (

    select
        'visits_per_open_hour' as figure_id,
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        case when open_minutes > 0 then visits / (open_minutes / 60) end as value,
        observed_share,
        case when visits is not null and coalesce(open_minutes, 0) = 0 then 'L' else status_value end as status_value,
        case when visits is not null and coalesce(open_minutes, 0) = 0 then 'opening hours are not described' else note end
            as note
    from told

),

per_inhabitant as (

    select
        'visits_per_inhabitant' as figure_id,
        told.area_id,
        told.branch_id,
        told.period_kind,
        told.period_start,
        told.period_end,
        told.visits / inhabitants.inhabitant_count as value,
        told.observed_share,
        case when told.visits is not null and inhabitants.inhabitant_count is null then 'L' else told.status_value end
            as status_value,
        case
            when told.visits is not null and inhabitants.inhabitant_count is null
                then 'no population count on or before the end of the period'
            else told.note
        end as note
    from told
    left join inhabitants
        on
            told.area_id = inhabitants.area_id
            and told.period_start = inhabitants.period_start
            and inhabitants.count_rank = 1
    where told.branch_id is null and told.period_kind = 'year'

),

final as (

    select * from visits
    union all
    select * from per_open_hour
    union all
    select * from per_inhabitant

)

select
    figure_id,
    area_id,
    branch_id,
    period_kind,
    period_start,
    period_end,
    value,
    -- Nothing is estimated here, so the interval of a fully observed value is the value; it speaks of what was
    -- missed, not of how well a beam counts.
    value as value_low,
    value as value_high,
    observed_share,
    case when value is not null then 1.0 end as quantity_share,
    case when value is not null then 'counted' else 'none' end as method,
    status_value,
    note
from final
