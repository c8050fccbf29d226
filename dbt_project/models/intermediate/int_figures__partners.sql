-- New partners, counted as organisations and, as a variant, as named units: first act inside the period and not on the
-- frozen baseline list. What branches of two areas held together is a first act in both: each counts its organisations,
-- and areas are not added up. Without a list, or before it was frozen, nothing can be called new: that is unverifiable, not
-- zero.
with areas_periods as (

    select
        area_id,
        period_kind,
        period_start,
        period_end,
        is_whole,
        min(case when is_covered then 1 else 0 end) = 1 as is_covered
    from {{ ref('int_events__branch_periods') }}
    group by area_id, period_kind, period_start, period_end, is_whole

),

baseline as (

    select max(frozen_on) as frozen_on from {{ ref('stg_library__partner_baseline') }}

),

event_areas as (

    select distinct
        event_id,
        area_id
    from {{ ref('int_events__branch_shares') }}
    where area_id is not null and share > 0

),

first_acts as (

    select
        'partners_new' as figure_id,
        organisation_id as subject_id,
        first_event_id,
        first_act_on
    from {{ ref('int_partners__organisations') }}
    where not is_baseline

    union all

    select
        'partners_new_units' as figure_id,
        unit_id as subject_id,
        first_event_id,
        first_act_on
    from {{ ref('int_partners__units') }}
    where not is_baseline

),

first_acts_of_areas as (

    select
        first_acts.figure_id,
        first_acts.subject_id,
        first_acts.first_act_on,
        event_areas.area_id
    from first_acts
    inner join event_areas on first_acts.first_event_id = event_areas.event_id

),

figures as (

    select 'partners_new' as figure_id
    union all
    select 'partners_new_units' as figure_id

),

counts as (

    select
        figures.figure_id,
        areas_periods.area_id,
        areas_periods.period_kind,
        areas_periods.period_start,
        areas_periods.period_end,
        areas_periods.is_whole,
        areas_periods.is_covered,
        baseline.frozen_on,
        count(first_acts.subject_id) as new_count
    from areas_periods
    cross join figures
    cross join baseline
    left join first_acts_of_areas as first_acts
        on
            figures.figure_id = first_acts.figure_id
            and areas_periods.area_id = first_acts.area_id
            and first_acts.first_act_on >= areas_periods.period_start
            and first_acts.first_act_on < areas_periods.period_end
    group by
        figures.figure_id, areas_periods.area_id, areas_periods.period_kind, areas_periods.period_start, areas_periods.period_end,
        areas_periods.is_whole, areas_periods.is_covered, baseline.frozen_on

),

final as (

    select
        figure_id,
        area_id,
        cast(null as {{ dbt.type_string() }}) as branch_id,
        period_kind,
        period_start,
        period_end,
        case when is_whole and is_covered and frozen_on <= period_start then cast(new_count as double precision) end
            as value,
        case
            when not is_whole then 'O'
            when not is_covered then 'L'
            when frozen_on is null then 'O'
            when frozen_on > period_start then 'M'
            else 'A'
        end as status_value,
        case
            when not is_whole then 'the period is not whole: it began before reporting or has not ended'
            when not is_covered then 'no event feed speaks for the whole period'
            when frozen_on is null then 'unverifiable: no baseline list of partners is frozen'
            when frozen_on > period_start then 'before the baseline list was frozen nothing can be called new'
        end as note
    from counts

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
