{#- No value of a figure that must not be added (aggregation none) equals the sum of its months or of its branches:
    whoever is reached in two of them is one person. Fails with the sums that somebody made. -#}
{% test not_a_sum_of_parts(model) %}
with figures as (

    select * from {{ model }}
    where
        value > 0
        and figure_id in (select figure_id from {{ ref('dim_figure') }} where aggregation = 'none')

),

month_sums as (

    select
        longer.figure_id,
        longer.area_id,
        longer.branch_id,
        longer.period_kind,
        longer.period_start,
        longer.value,
        sum(months.value) as part_sum
    from figures as longer
    inner join figures as months
        on
            longer.figure_id = months.figure_id
            and longer.area_id = months.area_id
            and coalesce(longer.branch_id, '') = coalesce(months.branch_id, '')
            and months.period_start >= longer.period_start
            and months.period_end <= longer.period_end
    where longer.period_kind in ('quarter', 'year') and months.period_kind = 'month'
    group by
        longer.figure_id, longer.area_id, longer.branch_id, longer.period_kind, longer.period_start, longer.value
    having count(*) > 1

),

branch_sums as (

    select
        whole.figure_id,
        whole.area_id,
        whole.branch_id,
        whole.period_kind,
        whole.period_start,
        whole.value,
        sum(branches.value) as part_sum
    from figures as whole
    inner join figures as branches
        on
            whole.figure_id = branches.figure_id
            and whole.area_id = branches.area_id
            and whole.period_kind = branches.period_kind
            and whole.period_start = branches.period_start
    where whole.branch_id is null and branches.branch_id is not null
    group by whole.figure_id, whole.area_id, whole.branch_id, whole.period_kind, whole.period_start, whole.value
    having count(*) > 1

),

sums as (

    select * from month_sums
    union all
    select * from branch_sums

)

select * from sums
where abs(value - part_sum) < 0.000001
{% endtest %}
