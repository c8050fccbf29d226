-- Two names that two feeds have for what they tell at one branch from the same minute to the same minute, on three days
-- and more. Five days where one of the two tells no branch: then there is an hour only to go by.
with side_by_side as (

    select * from {{ ref('int_events__side_by_side') }}

),

final as (

    select
        source_id,
        other_source_id,
        branch_key,
        other_branch_key,
        told_branch_id,
        title_key,
        other_title_key,
        count(distinct start_on) as day_count,
        min(start_on) as first_on,
        max(start_on) as last_on
    from side_by_side
    where
        is_fitting_end
        and other_count = 1
        and claim_count = 1
        and title_key is not null
        and other_title_key is not null
    group by source_id, other_source_id, branch_key, other_branch_key, told_branch_id, title_key, other_title_key
    having count(distinct start_on) >= case when branch_key = other_branch_key then 3 else 5 end

)

select * from final
