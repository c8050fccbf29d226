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

decisions as (

    select
        claims.posting_id,
        others.posting_id as other_posting_id,
        decisions.verdict,
        decisions.reason
    from {{ ref('stg_library__event_decisions') }} as decisions
    inner join {{ ref('int_events__claims') }} as claims
        on
            decisions.source_id = claims.source_id
            and decisions.series_id = claims.series_id
            and decisions.slot = claims.slot
    inner join {{ ref('int_events__claims') }} as others
        on
            decisions.other_source_id = others.source_id
            and decisions.other_series_id = others.series_id
            and decisions.other_slot = others.slot
    where decisions.verdict in ('same', 'different') and claims.posting_id <> others.posting_id

),

decided as (

    select
        least(posting_id, other_posting_id) as low_id,
        greatest(posting_id, other_posting_id) as high_id,
        -- of two that contradict each other through one posting the careful one holds
        min(verdict) as verdict,
        min(reason) as reason
    from decisions
    group by least(posting_id, other_posting_id), greatest(posting_id, other_posting_id)

),

ordered as (

    select
        claim_id,
        row_number() over (order by source_rank, claim_id) as claim_order
    from claims

),

-- Blocks: the same local day, the slot from which one was moved, the same long id and slot, or a decision.
blocks as (

    select
        claims.claim_id,
        others.claim_id as other_claim_id
    from claims
    inner join claims as others
        on
            claims.start_on = others.start_on
            and claims.source_rank < others.source_rank
    where not claims.is_report

    union

    select
        case when moved.source_rank < others.source_rank then moved.claim_id else others.claim_id end as claim_id,
        case when moved.source_rank < others.source_rank then others.claim_id else moved.claim_id end
            as other_claim_id
    from claims as moved
    inner join claims as others
        on
            moved.original_start_at = others.start_at
            and moved.source_id <> others.source_id
    where moved.is_moved and not others.is_report

    union

    select
        claims.claim_id,
        others.claim_id as other_claim_id
    from claims
    inner join claims as others
        on
            claims.series_id = others.series_id
            and claims.slot = others.slot
            and claims.source_rank < others.source_rank
    where length(claims.series_id) >= 12 and not claims.is_report

    union

    select
        case when lows.claim_order < highs.claim_order then decided.low_id else decided.high_id end as claim_id,
        case when lows.claim_order < highs.claim_order then decided.high_id else decided.low_id end as other_claim_id
    from decided
    inner join ordered as lows on decided.low_id = lows.claim_id
    inner join ordered as highs on decided.high_id = highs.claim_id

),

compared as (

    select
        blocks.claim_id,
        blocks.other_claim_id,
        claims.source_id,
        others.source_id as other_source_id,
        claims.branch_id,
        claims.start_on,
        claims.title,
        others.title as other_title,
        claims.title_key,
        others.title_key as other_title_key,
        claims.total_weight,
        others.total_weight as other_weight,
        decided.verdict,
        decided.reason,
        settings.least_score,
        claims.has_time and others.has_time as is_timed,
        claims.has_time <> others.has_time as is_half_timed,
        case when claims.has_time then claims.start_at else others.start_at end as timed_start_at,
        least(
            abs({{ minutes_between('claims.start_at', 'others.start_at') }}),
            case
                when claims.is_moved then abs({{ minutes_between('claims.original_start_at', 'others.start_at') }})
                else 1000000
            end,
            case
                when others.is_moved then abs({{ minutes_between('claims.start_at', 'others.original_start_at') }})
                else 1000000
            end
        ) as minutes_apart,
        settings.start_tolerance_minutes,
        claims.start_on = others.start_on as is_same_day,
        claims.end_on = others.end_on as is_same_end_day,
        claims.end_at = others.end_at and claims.end_at > claims.start_at as is_same_end,
        claims.branch_id is not null and claims.branch_id = others.branch_id as is_same_branch,
        claims.branch_id is not null and others.branch_id is not null and claims.branch_id <> others.branch_id
        and coalesce(claims.titled_branch_id <> others.branch_id, true)
        and coalesce(others.titled_branch_id <> claims.branch_id, true) as is_other_branch,
        others.branch_id as other_branch_id,
        claims.start_at,
        claims.end_at,
        others.start_at as other_start_at,
        others.end_at as other_end_at,
        claims.branch_id is null and others.branch_id is null and claims.place_key <> ''
        and claims.place_key = others.place_key as is_same_place,
        coalesce(claims.page = others.page, false) as is_same_page,
        claims.series_id = others.series_id and claims.slot = others.slot and length(claims.series_id) >= 12
            as is_same_id,
        claims.number_key is not null and others.number_key is not null and claims.number_key <> others.number_key
            as is_other_number
    from blocks
    inner join claims on blocks.claim_id = claims.claim_id
    inner join claims as others on blocks.other_claim_id = others.claim_id
    left join decided
        on
            least(blocks.claim_id, blocks.other_claim_id) = decided.low_id
            and greatest(blocks.claim_id, blocks.other_claim_id) = decided.high_id
    cross join settings

),

stems as (

    select
        title,
        stem,
        max(word_weight) as word_weight
    from {{ ref('int_events__title_words') }}
    group by title, stem

),

title_pairs as (

    select distinct
        title,
        other_title,
        total_weight,
        other_weight
    from compared
    where title is not null and other_title is not null

),

shared as (

    select
        title_pairs.title,
        title_pairs.other_title,
        sum(
            case when stems.word_weight < others.word_weight then stems.word_weight else others.word_weight end
            / case when stems.stem = others.stem then 1.0 else 2.0 end
        ) as shared_weight
    from title_pairs
    inner join stems on title_pairs.title = stems.title
    inner join stems as others
        on
            title_pairs.other_title = others.title
            -- a word that begins a longer one is half of it: lekser, leksehjelp
            and (
                stems.stem = others.stem
                or (
                    length(stems.stem) >= 4 and length(others.stem) >= 4
                    and (others.stem like stems.stem || '%' or stems.stem like others.stem || '%')
                )
            )
    group by title_pairs.title, title_pairs.other_title

),

-- Half for the words in common of all words, half for those of the shorter title: "Bok og kaffi" stands whole in
-- "Bok og kaffi med strikking".
likeness as (

    select
        title_pairs.title,
        title_pairs.other_title,
        cast(floor(
            15.0 * shared.shared_weight
            / (title_pairs.total_weight + title_pairs.other_weight - shared.shared_weight)
            + 15.0 * shared.shared_weight / least(title_pairs.total_weight, title_pairs.other_weight)
            + 0.5
        ) as int) as title_points
    from title_pairs
    inner join shared on title_pairs.title = shared.title and title_pairs.other_title = shared.other_title

),

-- Two things of one name do not overlap at one branch: by half of the shorter they are one, told with the hour at which
-- doors open, or with a wrong one.
pointed as (

    select
        compared.*,
        case
            when compared.is_timed and compared.minutes_apart = 0 then 45
            when compared.is_timed and compared.minutes_apart <= 5 then 42
            when compared.is_timed and compared.minutes_apart <= 15 then 35
            when compared.is_timed and compared.minutes_apart <= compared.start_tolerance_minutes then 30
            when
                compared.is_timed
                and (compared.is_same_branch or compared.is_same_place)
                and likeness.title_points >= 27
                and 2 * {{ minutes_between(
                    'greatest(compared.start_at, compared.other_start_at)', 'least(compared.end_at, compared.other_end_at)'
                ) }}
                >= least(
                    {{ minutes_between('compared.start_at', 'compared.end_at') }},
                    {{ minutes_between('compared.other_start_at', 'compared.other_end_at') }}
                )
                and least(compared.end_at, compared.other_end_at)
                > greatest(compared.start_at, compared.other_start_at)
                then 30
            when compared.is_half_timed and compared.is_same_day then 25
            when not compared.is_timed and compared.is_same_day and compared.is_same_end_day then 40
            when not compared.is_timed and compared.is_same_day then 30
            else 0
        end as start_points,
        case when compared.is_same_branch or compared.is_same_place then 25 when compared.is_other_branch then 0 else 10 end
            as branch_points,
        case when compared.is_other_number then 0 else coalesce(likeness.title_points, 0) end as title_points,
        case when compared.is_timed and compared.is_same_end then 4 else 0 end as end_points,
        case when compared.is_same_page then 20 else 0 end as page_points,
        case when compared.is_same_id then 40 else 0 end as id_points
    from compared
    left join likeness on compared.title = likeness.title and compared.other_title = likeness.other_title

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

{{ event_series_ctes() }},

completed as (

    select
        pointed.*,
        case when same_day.claim_id is not null then 30 else 0 end as day_points,
        case when misplaced.source_id is not null and pointed.minutes_apart = 0 then 10 else 0 end as misplaced_points,
        case when one_series.source_id is not null and pointed.minutes_apart = 0 then 15 else 0 end as series_points,
        case
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
    left join one_series
        on
            pointed.source_id = one_series.source_id
            and pointed.other_source_id = one_series.other_source_id
            and coalesce(pointed.branch_id, '') = one_series.branch_key
            and coalesce(pointed.other_branch_id, '') = one_series.other_branch_key
            and pointed.title_key = one_series.title_key
            and pointed.other_title_key = one_series.other_title_key
            and pointed.is_timed
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
