-- A series that two feeds tell with one name, at one branch, to the minute: on three days and most days of the one that
-- is told less. On a day for which each tells it once, the two are one, though up to two hours apart.
with claims as (

    select * from {{ ref('int_events__claims') }}
    where claim_id = posting_id and is_public

),

pointed as (

    select * from {{ ref('int_events__compared_claims') }}

),

name_days as (

    select * from {{ ref('int_events__name_days') }}

),

known_series as (

    select
        pointed.source_id,
        pointed.other_source_id,
        pointed.branch_id,
        pointed.title_key,
        pointed.other_title_key
    from pointed
    inner join name_days
        on
            pointed.source_id = name_days.source_id
            and pointed.branch_id = name_days.branch_key
            and pointed.title_key = name_days.title_key
    inner join name_days as other_days
        on
            pointed.other_source_id = other_days.source_id
            and pointed.other_branch_id = other_days.branch_key
            and pointed.other_title_key = other_days.title_key
    where pointed.is_same_branch and pointed.is_timed and pointed.minutes_apart = 0 and pointed.title_points >= 25
    group by
        pointed.source_id, pointed.other_source_id, pointed.branch_id, pointed.title_key, pointed.other_title_key
    having
        count(distinct pointed.start_on) >= 3
        and 2 * count(distinct pointed.start_on) >= least(max(name_days.day_count), max(other_days.day_count))

),

told_once as (

    select min(claim_id) as claim_id
    from claims
    where title_key is not null and branch_id is not null
    group by source_id, branch_id, title_key, start_on
    having count(*) = 1

),

final as (

    select
        pointed.claim_id,
        pointed.other_claim_id
    from pointed
    inner join known_series
        on
            pointed.source_id = known_series.source_id
            and pointed.other_source_id = known_series.other_source_id
            and pointed.branch_id = known_series.branch_id
            and pointed.title_key = known_series.title_key
            and pointed.other_title_key = known_series.other_title_key
    inner join told_once on pointed.claim_id = told_once.claim_id
    inner join told_once as others_once on pointed.other_claim_id = others_once.claim_id
    where
        pointed.is_same_branch
        and pointed.is_same_day
        and pointed.is_timed
        and pointed.start_points = 0
        and pointed.minutes_apart <= 120

)

select * from final
