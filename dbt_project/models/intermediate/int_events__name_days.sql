-- On how many days a feed has a name at a branch.
with claims as (

    select * from {{ ref('int_events__claims') }}
    where claim_id = posting_id and is_public

),

final as (

    select
        source_id,
        coalesce(branch_id, '') as branch_key,
        title_key,
        count(distinct start_on) as day_count
    from claims
    where has_time and title_key is not null
    group by source_id, coalesce(branch_id, ''), title_key

)

select * from final
