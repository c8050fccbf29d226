-- Visits in staffed and in unstaffed hours, which together make the visits. Both share the doubt of the total as chance
-- would share it: by the root of their estimated parts.
with totals as (

    select * from {{ ref('int_figures__visits') }}
    where figure_id = 'visits' and period_kind in ('month', 'quarter', 'year')

),

services as (

    select * from {{ ref('int_visits__service_periods') }}

),

joined as (

    select
        totals.area_id,
        totals.branch_id,
        totals.period_kind,
        totals.period_start,
        totals.period_end,
        totals.observed_share,
        totals.method,
        totals.status_value,
        totals.note,
        totals.value is not null as is_told,
        -- sample weeks are counted by the week: their part of a total has no hours
        coalesce(services.is_service_known and totals.method != 'sample_week', false) as is_service_known,
        (totals.value_high - totals.value) / sqrt(case when services.estimated_visits > 0 then services.estimated_visits end)
            as half_width,
        services.observed_staffed_visits,
        services.estimated_staffed_visits,
        services.observed_visits - services.observed_staffed_visits as observed_unstaffed_visits,
        services.estimated_visits - services.estimated_staffed_visits as estimated_unstaffed_visits
    from totals
    left join services
        on
            totals.area_id = services.area_id
            and coalesce(totals.branch_id, '') = coalesce(services.branch_id, '')
            and totals.period_kind = services.period_kind
            and totals.period_start = services.period_start

),

parts as (

    {% for service in ['staffed', 'unstaffed'] %}
        select
            *,
            'visits_{{ service }}' as figure_id,
            observed_{{ service }}_visits as observed_part,
            greatest(estimated_{{ service }}_visits, 0) as estimated_part
        from joined
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

judged as (

    select
        *,
        is_told and is_service_known as is_split,
        is_told and is_service_known and estimated_part > 0 as is_estimated,
        coalesce(half_width, 0) * sqrt(estimated_part) as part_half_width
    from parts

),

final as (

    select
        figure_id,
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        case when is_split then observed_part + estimated_part end as value,
        case when is_split then greatest(observed_part, observed_part + estimated_part - part_half_width) end as value_low,
        case when is_split then observed_part + estimated_part + part_half_width end as value_high,
        observed_share,
        case
            when is_estimated then observed_part / (observed_part + estimated_part)
            when is_split then 1.0
        end as quantity_share,
        case
            when is_estimated then method
            when is_split then 'counted'
            else 'none'
        end as method,
        case
            when is_estimated then status_value
            when is_split then 'A'
            when is_told then 'L'
            else status_value
        end as status_value,
        case
            when is_told and not is_service_known then 'not counted by the hour, or without described hours'
            when is_estimated or not is_told then note
        end as note
    from judged

)

select * from final
