with service_days as (

    select * from {{ ref('int_visits__service_days') }}

),

branch_days as (

    select * from {{ ref('int_library__branch_days') }}

),

day_periods as (

    select * from {{ ref('int_calendar__day_periods') }}
    where period_kind in ('month', 'quarter', 'year')

),

branch_sums as (

    select
        branch_days.area_id,
        service_days.branch_id,
        day_periods.period_kind,
        day_periods.period_start,
        sum(service_days.observed_visits) as observed_visits,
        sum(service_days.observed_staffed_visits) as observed_staffed_visits,
        sum(service_days.estimated_visits) as estimated_visits,
        sum(service_days.estimated_staffed_visits) as estimated_staffed_visits,
        min(case when service_days.is_service_known then 1 else 0 end) as is_service_known
    from service_days
    inner join branch_days
        on
            service_days.branch_id = branch_days.branch_id
            and service_days.span_start_on = branch_days.local_date
    inner join day_periods
        on
            service_days.span_start_on = day_periods.local_date
            and service_days.span_end_on <= day_periods.period_end
    group by branch_days.area_id, service_days.branch_id, day_periods.period_kind, day_periods.period_start

),

final as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        observed_visits,
        observed_staffed_visits,
        estimated_visits,
        estimated_staffed_visits,
        is_service_known = 1 as is_service_known
    from branch_sums

    union all

    select
        area_id,
        cast(null as {{ dbt.type_string() }}) as branch_id,
        period_kind,
        period_start,
        sum(observed_visits) as observed_visits,
        sum(observed_staffed_visits) as observed_staffed_visits,
        sum(estimated_visits) as estimated_visits,
        sum(estimated_staffed_visits) as estimated_staffed_visits,
        min(is_service_known) = 1 as is_service_known
    from branch_sums
    group by area_id, period_kind, period_start

)

select * from final
