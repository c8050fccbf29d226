-- Stretches of dates over which a branch's counts compare with each other: one more with each structural break.
with branch_days as (

    select distinct
        branch_id,
        local_date
    from {{ ref('int_library__branch_days') }}

),

breaks as (

    select * from {{ ref('stg_library__structural_breaks') }}

),

final as (

    select
        branch_days.branch_id,
        branch_days.local_date,
        cast(count(breaks.broke_on) as int) as segment_number
    from branch_days
    left join breaks
        on
            branch_days.branch_id = breaks.branch_id
            and branch_days.local_date >= breaks.broke_on
    group by branch_days.branch_id, branch_days.local_date

)

select * from final
