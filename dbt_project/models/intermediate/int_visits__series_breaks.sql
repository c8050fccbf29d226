-- From when the counts of a branch no longer compare with those before, as somebody described it; of an area where that
-- is so of all its branches. No growth is told over it.
with breaks as (

    select * from {{ ref('stg_library__structural_breaks') }}

),

memberships as (

    select * from {{ ref('stg_library__branch_areas') }}

),

days as (

    select distinct broke_on from breaks

),

members as (

    select
        memberships.area_id,
        memberships.branch_id,
        days.broke_on,
        breaks.branch_id is not null as is_broken
    from memberships
    inner join days on {{ valid_on('memberships', 'days.broke_on') }}
    left join breaks
        on
            memberships.branch_id = breaks.branch_id
            and days.broke_on = breaks.broke_on

),

final as (

    select distinct
        area_id,
        branch_id,
        broke_on
    from members
    where is_broken

    union all

    select
        area_id,
        cast(null as {{ dbt.type_string() }}) as branch_id,
        broke_on
    from members
    group by area_id, broke_on
    having min(case when is_broken then 1 else 0 end) = 1

)

select * from final
