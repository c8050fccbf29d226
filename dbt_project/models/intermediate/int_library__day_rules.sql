-- Which rule decides a branch's day: an exception (the last one described wins), else a public holiday, else the
-- regular hours. Local wall clock, before any conversion.
with branch_days as (

    select * from {{ ref('int_library__branch_days') }}

),

exceptions as (

    select * from {{ ref('stg_library__opening_exceptions') }}

),

holidays as (

    select * from {{ ref('stg_library__holidays') }}

),

ranked as (

    select
        branch_days.branch_id,
        branch_days.local_date,
        exceptions.kind,
        exceptions.opens_minute,
        exceptions.closes_minute,
        exceptions.reason,
        row_number() over (
            partition by branch_days.branch_id, branch_days.local_date
            order by exceptions.exception_number desc
        ) as exception_rank
    from branch_days
    inner join exceptions
        on
            branch_days.branch_id = exceptions.branch_id
            and branch_days.local_date between exceptions.first_on and exceptions.last_on

),

final as (

    select
        branch_days.branch_id,
        branch_days.local_date,
        branch_days.is_hours_known,
        case
            when ranked.kind is not null then ranked.kind
            when holidays.holiday_on is not null then 'holiday'
            else 'regular'
        end as day_rule,
        ranked.opens_minute,
        ranked.closes_minute,
        coalesce(ranked.reason, holidays.holiday_name) as reason
    from branch_days
    left join ranked
        on
            branch_days.branch_id = ranked.branch_id
            and branch_days.local_date = ranked.local_date
            and ranked.exception_rank = 1
    left join holidays on branch_days.local_date = holidays.holiday_on

)

select * from final
