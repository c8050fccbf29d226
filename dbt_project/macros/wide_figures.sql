{#- Figures side by side for one kind of period, with the names that people look for. `lead` is the figure whose
    status and coverage stand beside the columns. -#}
{% macro wide_figures(period_kind, figure_ids, lead) %}
with figures as (

    select * from {{ ref('figures') }}
    where period_kind = '{{ period_kind }}'

),

wide as (

    select
        area_id,
        branch_id,
        period_start,
        period_end,
        {% for figure_id in figure_ids %}
        max(case when figure_id = '{{ figure_id }}' then value end) as {{ figure_id }},
        {% endfor %}
        max(case when figure_id = '{{ lead }}' then observed_share end) as observed_share,
        max(case when figure_id = '{{ lead }}' then status_value end) as status_value,
        max(case when figure_id = '{{ lead }}' then note end) as note
    from figures
    where figure_id in ('{{ figure_ids | join("', '") }}')
    group by area_id, branch_id, period_start, period_end

),

final as (

    select
        wide.area_id,
        areas.area_name,
        wide.branch_id,
        coalesce(branches.branch_name, case when wide.branch_id is null then '(whole area)' else wide.branch_id end)
            as branch_name,
        wide.period_start,
        wide.period_end,
        {% for figure_id in figure_ids %}
        wide.{{ figure_id }},
        {% endfor %}
        wide.observed_share,
        wide.status_value,
        wide.note
    from wide
    inner join {{ ref('dim_area') }} as areas on wide.area_id = areas.area_id
    left join {{ ref('dim_branch') }} as branches on wide.branch_id = branches.branch_id

)

select * from final
{% endmacro %}
