-- Every two claims of different feeds that could be one event, with the points for and against, in words. Points: start
-- 45, branch 25, title 30, end 4, same page 20, same id 40, 15 where a branch is not told and nothing else of the day
-- is like it, and 15 where two titles are two names of one series; 100 at most. What may not be one event is a
-- conflict, whatever its points.
with claims as (

    select * from {{ ref('int_events__claims') }}
    where claim_id = posting_id and is_public

),

settings as (

    select * from {{ ref('stg_library__event_identity') }}

),

pointed as (

    select * from {{ ref('int_events__compared_claims') }}

),

side_by_side as (

    select * from {{ ref('int_events__side_by_side') }}

),

one_series as (

    select * from {{ ref('int_events__series_names') }}

),

same_day as (

    select * from {{ ref('int_events__series_days') }}

),

misplaced as (

    select * from {{ ref('int_events__misplaced_series') }}

),

-- Where one side names no branch: whether each is the only one of its day that the other feed's could be.
alike as (

    select
        pointed.claim_id,
        pointed.other_claim_id,
        count(*) over (partition by pointed.claim_id, others.source_id) as other_count,
        count(*) over (partition by pointed.other_claim_id, claims.source_id) as claim_count
    from pointed
    inner join claims on pointed.claim_id = claims.claim_id
    inner join claims as others on pointed.other_claim_id = others.claim_id
    where
        pointed.is_same_day
        and pointed.title_points >= 27
        and pointed.total_weight >= 4 and pointed.other_weight >= 4

),

-- Where a branch or an hour is not told: whether of all that could be it by half of the words each is the only one.
-- Then half of the words are enough, if the two begin and end in one minute, or the branch is told.
nearly_alike as (

    select
        pointed.claim_id,
        pointed.other_claim_id,
        count(*) over (partition by pointed.claim_id, pointed.other_source_id) as other_count,
        count(*) over (partition by pointed.other_claim_id, pointed.source_id) as claim_count
    from pointed
    where
        pointed.is_same_day
        and not pointed.is_other_branch
        and not pointed.is_other_number
        and pointed.start_points > 0
        and pointed.title_points >= 15
        and pointed.total_weight >= 4 and pointed.other_weight >= 4

),

completed as (

    select
        pointed.*,
        settings.least_score,
        case when same_day.claim_id is not null then 30 else 0 end as day_points,
        case when misplaced.source_id is not null and pointed.minutes_apart = 0 then 10 else 0 end as misplaced_points,
        case
            when one_series.source_id is not null and (pointed.minutes_apart = 0 or pointed.is_half_timed) then 15 else 0
        end as series_points,
        case
            when pointed.is_half_timed and one_series.source_id is not null then 15
            when
                nearly_alike.claim_id is not null
                and (
                    (pointed.is_half_timed and pointed.is_same_branch)
                    or (
                        pointed.branch_points = 10 and pointed.is_timed and pointed.minutes_apart = 0 and pointed.is_same_end
                    )
                )
                then 15
            when alike.claim_id is not null and pointed.branch_points = 10 and pointed.start_points > 0 then 15
            when
                one_series.branch_key <> one_series.other_branch_key
                and side_by_side.other_count = 1 and side_by_side.claim_count = 1
                then 15
            else 0
        end as sole_points
    from pointed
    left join alike
        on
            pointed.claim_id = alike.claim_id
            and pointed.other_claim_id = alike.other_claim_id
            and alike.other_count = 1
            and alike.claim_count = 1
    left join nearly_alike
        on
            pointed.claim_id = nearly_alike.claim_id
            and pointed.other_claim_id = nearly_alike.other_claim_id
            and nearly_alike.other_count = 1
            and nearly_alike.claim_count = 1
    left join one_series
        on
            pointed.source_id = one_series.source_id
            and pointed.other_source_id = one_series.other_source_id
            and coalesce(pointed.branch_id, '') = one_series.branch_key
            and coalesce(pointed.other_branch_id, '') = one_series.other_branch_key
            and pointed.title_key = one_series.title_key
            and pointed.other_title_key = one_series.other_title_key
            and (pointed.is_timed or (pointed.is_half_timed and pointed.is_same_branch and pointed.is_same_day))
            -- that a branch is not told fits every branch: the hour must be that of one series only
            and (
                one_series.branch_key = one_series.other_branch_key
                or coalesce(pointed.branch_id, pointed.other_branch_id) = one_series.told_branch_id
            )
    left join side_by_side
        on pointed.claim_id = side_by_side.claim_id and pointed.other_claim_id = side_by_side.other_claim_id
    left join same_day
        on pointed.claim_id = same_day.claim_id and pointed.other_claim_id = same_day.other_claim_id
    left join misplaced
        on
            pointed.source_id = misplaced.source_id
            and pointed.other_source_id = misplaced.other_source_id
            and pointed.branch_id = misplaced.branch_id
            and pointed.other_branch_id = misplaced.other_branch_id
            and pointed.title_key = misplaced.title_key
            and pointed.other_title_key = misplaced.other_title_key
            and pointed.is_timed
    cross join settings

),

judged as (

    select
        *,
        least(
            100,
            start_points + branch_points + title_points + end_points + page_points + id_points + sole_points
            + series_points + day_points + misplaced_points
        ) as score,
        case
            when verdict = 'different' then 'decided: ' || reason
            when verdict = 'same' then null
            when is_same_id then null
            when is_other_branch and misplaced_points = 0 then 'two branches'
            when start_points + day_points = 0 then 'two starts'
            when is_other_number and not is_same_page then 'two numbers'
        end as conflict
    from completed

),

-- A claim without an hour fits one timed holding of the day, or it fits none.
accepted as (

    select
        *,
        coalesce(verdict, '') = 'same' or (
            conflict is null
            and score >= least_score
            and (title_points > 0 or is_same_id or is_same_page or series_points > 0)
        ) as is_enough
    from judged

),

hours as (

    select
        hourless_id,
        timed_source_id,
        count(distinct timed_start_at) as hour_count
    from (
        select
            case when claims.has_time then accepted.other_claim_id else accepted.claim_id end as hourless_id,
            case when claims.has_time then claims.source_id else others.source_id end as timed_source_id,
            accepted.timed_start_at
        from accepted
        inner join claims on accepted.claim_id = claims.claim_id
        inner join claims as others on accepted.other_claim_id = others.claim_id
        where accepted.is_half_timed and accepted.is_enough
    ) as half_timed
    group by hourless_id, timed_source_id

),

unsure as (

    select hourless_id from hours
    where hour_count > 1

),

final as (

    select
        accepted.claim_id,
        accepted.other_claim_id,
        case when accepted.verdict = 'same' then 100 else accepted.score end as score,
        accepted.conflict,
        coalesce(accepted.verdict, '') = 'different' as is_kept_apart,
        accepted.is_enough and (
            coalesce(accepted.verdict, '') = 'same' or not accepted.is_half_timed
            or (lows.hourless_id is null and highs.hourless_id is null)
        ) as is_accepted,
        case
            when accepted.verdict = 'same' then 'decided'
            when accepted.is_same_id then 'same_id'
            when accepted.is_same_page then 'same_page'
            when accepted.is_half_timed then 'day_and_title'
            when not accepted.is_timed then 'days_and_title'
            when accepted.misplaced_points > 0 then 'series_at_two_branches'
            when accepted.day_points > 0 then 'day_and_series'
            when accepted.minutes_apart > 0 then 'near_start'
            when accepted.series_points > 0 then 'start_and_series'
            else 'start_and_title'
        end as match_rule,
        case
            when accepted.verdict = 'same' then 'decided: ' || accepted.reason
            else
                'start ' || cast(accepted.start_points as {{ dbt.type_string() }})
                || ', branch ' || cast(accepted.branch_points as {{ dbt.type_string() }})
                || ', title ' || cast(accepted.title_points as {{ dbt.type_string() }})
                || case when accepted.end_points > 0 then ', end 4' else '' end
                || case when accepted.sole_points > 0 then ', only one of the day 15' else '' end
                || case when accepted.series_points > 0 then ', one series by two names 15' else '' end
                || case when accepted.day_points > 0 then ', the only ones of their series that day 30' else '' end
                || case when accepted.misplaced_points > 0 then ', a series known at one of the branches 10' else '' end
                || case when accepted.page_points > 0 then ', page 20' else '' end
                || case when accepted.id_points > 0 then ', id 40' else '' end
        end as match_reason
    from accepted
    left join unsure as lows on accepted.claim_id = lows.hourless_id
    left join unsure as highs on accepted.other_claim_id = highs.hourless_id

)

select * from final
