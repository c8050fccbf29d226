-- Visits and what is made of them. Rule sources: docs/figures.md. What was not counted is estimated where masked blocks
-- say how far off such an estimate may be; a period of which too little was counted has no value: its observed share
-- says how much was seen, its note why the rest is not told. The interval speaks of what was missed, not of how well a
-- beam counts.
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

settings as (

    select * from {{ ref('stg_library__settings') }}

),

weighed as (

    select
        periods.*,
        settings.least_quantity_share,
        coalesce(periods.observed_visits, 0) + coalesce(periods.estimated_visits, 0) + coalesce(periods.expanded_visits, 0)
            as all_visits,
        case
            when periods.completeness = 'complete' then 1.0
            when periods.completeness = 'sampled'
                then
                    (coalesce(periods.observed_visits, 0) + coalesce(periods.sample_week_visits, 0))
                    / nullif(
                        coalesce(periods.observed_visits, 0) + coalesce(periods.estimated_visits, 0)
                        + coalesce(periods.expanded_visits, 0),
                        0
                    )
            when
                periods.completeness = 'estimated'
                and coalesce(periods.observed_visits, 0) + coalesce(periods.estimated_visits, 0) > 0
                then
                    coalesce(periods.observed_visits, 0)
                    / (coalesce(periods.observed_visits, 0) + coalesce(periods.estimated_visits, 0))
            -- nobody came and nobody was expected: the part of the time decides
            when periods.completeness = 'estimated' then periods.observed_minutes / periods.expected_minutes
        end as quantity_share
    from periods
    cross join settings

),

judged as (

    select
        *,
        is_whole
        and (
            completeness = 'complete'
            or (completeness = 'estimated' and quantity_share >= least_quantity_share)
            -- sample weeks stand for their year by convention; what is estimated beside them must be little all the same
            or (completeness = 'sampled' and coalesce(estimated_visits, 0) <= (1 - least_quantity_share) * all_visits)
        ) as is_total
    from weighed

),

sorted as (

    select
        *,
        is_total and completeness = 'complete' and coalesce(sampled_visits, 0) > 0 as is_sampled
    from judged

),

said as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        open_minutes,
        case when is_total then all_visits end as visits,
        calibrated_visits,
        -- what was counted is certain; only what was estimated may be more or less, and how far a week that the source
        -- spread over months lies from them nobody knows
        case
            when is_sampled or completeness = 'sampled' then null
            when is_total and completeness = 'complete' then all_visits
            when is_total then greatest(coalesce(observed_visits, 0), all_visits + lean_visits - 1.96 * standard_error)
        end as visits_low,
        case
            when is_sampled or completeness = 'sampled' then null
            when is_total and completeness = 'complete' then all_visits
            when is_total then all_visits + lean_visits + 1.96 * standard_error
        end as visits_high,
        case when is_whole and expected_minutes > 0 then observed_minutes / expected_minutes end as observed_share,
        case
            when is_sampled then 1 - sampled_visits / all_visits
            when is_total then quantity_share
        end as quantity_share,
        case
            when is_sampled then 'sample'
            when is_total and completeness = 'sampled' then 'sample_week'
            when is_total and completeness = 'complete' then 'counted'
            when is_total then 'imputed'
            else 'none'
        end as method,
        case
            when not is_whole then 'O'
            when is_sampled then 'E'
            when is_total and completeness = 'complete' then 'A'
            when is_total then 'E'
            when completeness = 'closed' then 'H'
            else 'L'
        end as status_value,
        case
            when not is_whole then 'the period is not whole: it began before reporting or has not ended'
            when completeness = 'closed' then 'closed the whole period'
            when is_sampled
                then
                    cast(round(cast(100 * sampled_visits / all_visits as numeric), 1) as {{ dbt.type_string() }})
                    || ' % look like weeks that the source counted and spread over months'
            when completeness = 'sampled' and is_total and branch_id is not null then sample_note
            when completeness = 'sampled' and is_total
                then
                    cast(round(cast(100 * expanded_visits / nullif(all_visits, 0) as numeric), 1) as {{ dbt.type_string() }})
                    || ' % made of sample weeks; no interval, because nobody knows how far they lie from their year'
                    || case
                        when estimated_visits > 0
                            then
                                '; '
                                || cast(round(cast(100 * estimated_visits / all_visits as numeric), 1) as {{ dbt.type_string() }})
                                || ' % estimated'
                        else ''
                    end
            when completeness = 'sampled' then 'too little was counted beside the sample weeks for a total'
            when completeness = 'no_counter' and sample_note is not null then sample_note
            when completeness = 'no_counter' then 'open without a described counter'
            when completeness = 'waiting' then 'not all of it was received yet'
            when completeness = 'incomplete'
                then
                    'incomplete: ' || cast(complete_branch_count as {{ dbt.type_string() }}) || ' of '
                    || cast(branch_count as {{ dbt.type_string() }}) || ' branches fully observed'
            when is_total and completeness = 'estimated'
                then cast(round(cast(100 * (1 - quantity_share) as numeric), 1) as {{ dbt.type_string() }}) || ' % estimated'
            when completeness = 'estimated'
                then
                    'too little was counted for a total: '
                    || cast(round(cast(100 * quantity_share as numeric), 1) as {{ dbt.type_string() }}) || ' %'
        end as note
    from sorted

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
        visits,
        visits_low,
        visits_high,
        observed_share,
        quantity_share,
        method,
        status_value,
        case
            when visits > 0 and calibrated_visits > 0
                then
                    coalesce(note || '; ', '')
                    || cast(round(cast(100 * calibrated_visits / visits as numeric), 1) as {{ dbt.type_string() }})
                    || ' % counted and multiplied by a calibration factor'
            else note
        end as note
    from said

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
        visits_low as value_low,
        visits_high as value_high,
        observed_share,
        quantity_share,
        method,
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
        case when open_minutes > 0 then visits_low / (open_minutes / 60) end as value_low,
        case when open_minutes > 0 then visits_high / (open_minutes / 60) end as value_high,
        observed_share,
        quantity_share,
        method,
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
        told.visits_low / inhabitants.inhabitant_count as value_low,
        told.visits_high / inhabitants.inhabitant_count as value_high,
        told.observed_share,
        told.quantity_share,
        told.method,
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
    value_low,
    value_high,
    observed_share,
    case when value is not null then quantity_share end as quantity_share,
    case when value is not null then method else 'none' end as method,
    status_value,
    note
from final
