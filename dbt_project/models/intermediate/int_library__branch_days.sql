with days as (

    select * from {{ ref('int_calendar__days') }}

),

branches as (

    select * from {{ ref('stg_library__branches') }}

),

memberships as (

    select * from {{ ref('stg_library__branch_areas') }}

),

hours as (

    select distinct
        branch_id,
        valid_from,
        valid_to
    from {{ ref('stg_library__opening_hours') }}

),

hours_known as (

    select distinct
        hours.branch_id,
        days.local_date
    from hours
    inner join days on {{ valid_on('hours', 'days.local_date') }}

),

final as (

    select
        branches.branch_id,
        memberships.area_id,
        days.local_date,
        hours_known.branch_id is not null as is_hours_known
    from branches
    inner join days on {{ valid_on('branches', 'days.local_date') }}
    inner join memberships
        on
            branches.branch_id = memberships.branch_id
            and {{ valid_on('memberships', 'days.local_date') }}
    left join hours_known
        on
            branches.branch_id = hours_known.branch_id
            and days.local_date = hours_known.local_date

)

select * from final
