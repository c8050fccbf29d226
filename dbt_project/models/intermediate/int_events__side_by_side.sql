-- What two feeds tell from the same minute, at one branch or where one of them tells none, and what has its like in
-- neither of them but for each other. Where a third thing of the same length stands beside it the day says nothing: of
-- how many it could be is counted.
with pointed as (

    select
        *,
        -- an end that is not told fits every end: staff's sheets seldom have one
        is_same_end or is_open_end as is_fitting_end
    from {{ ref('int_events__compared_claims') }}

),

named_alike as (

    select
        claim_id,
        other_source_id,
        other_claim_id as like_id
    from pointed
    where is_timed and start_points > 0 and title_points >= 10 and not is_other_branch
    union
    select
        other_claim_id as claim_id,
        source_id as other_source_id,
        claim_id as like_id
    from pointed
    where is_timed and start_points > 0 and title_points >= 10 and not is_other_branch

),

final as (

    select
        pointed.claim_id,
        pointed.other_claim_id,
        pointed.source_id,
        pointed.other_source_id,
        pointed.start_on,
        pointed.title_key,
        pointed.other_title_key,
        pointed.is_fitting_end,
        coalesce(pointed.branch_id, '') as branch_key,
        coalesce(pointed.other_branch_id, '') as other_branch_key,
        coalesce(pointed.branch_id, pointed.other_branch_id) as told_branch_id,
        case
            when pointed.is_same_branch
                then count(*) over (
                    partition by pointed.claim_id, pointed.other_source_id, pointed.is_fitting_end, pointed.is_same_branch
                )
            else count(*) over (partition by pointed.claim_id, pointed.other_source_id, pointed.is_fitting_end)
        end as other_count,
        case
            when pointed.is_same_branch
                then count(*) over (
                    partition by pointed.other_claim_id, pointed.source_id, pointed.is_fitting_end, pointed.is_same_branch
                )
            else count(*) over (partition by pointed.other_claim_id, pointed.source_id, pointed.is_fitting_end)
        end as claim_count
    from pointed
    left join named_alike
        on
            pointed.claim_id = named_alike.claim_id
            and pointed.other_source_id = named_alike.other_source_id
            and pointed.other_claim_id <> named_alike.like_id
    left join named_alike as others_alike
        on
            pointed.other_claim_id = others_alike.claim_id
            and pointed.source_id = others_alike.other_source_id
            and pointed.claim_id <> others_alike.like_id
    where
        (pointed.is_same_branch or (pointed.branch_id is null) <> (pointed.other_branch_id is null))
        and pointed.is_timed
        and pointed.minutes_apart = 0
        and not pointed.is_other_number
        and pointed.title_points < 27
        and named_alike.claim_id is null
        and others_alike.claim_id is null

)

select * from final
