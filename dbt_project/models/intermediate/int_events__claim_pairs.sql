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

-- Two names of one series: whoever posts a programme elsewhere may call it by a name of his own, week after week. What
-- two feeds tell at one branch from the same minute to the same minute, on three days and more and on most days of the
-- one that is told less, is one series. Where a third thing of the same length stands beside it, or either has its like
-- in the other feed that day, the day says nothing. A name that the better believed feed uses itself at that branch, on
-- three days, is the name of something else (two programmes in two rooms at one hour), unless that feed has the one name
-- in these weeks only, and the other never in them: then it has changed the name.
named_alike as (

    select
        claim_id,
        other_source_id
    from pointed
    where is_timed and start_points > 0 and title_points >= 10 and not is_other_branch
    union
    select
        other_claim_id as claim_id,
        source_id as other_source_id
    from pointed
    where is_timed and start_points > 0 and title_points >= 10 and not is_other_branch

),

side_by_side as (

    select
        pointed.*,
        coalesce(pointed.branch_id, '') as branch_key,
        coalesce(pointed.other_branch_id, '') as other_branch_key,
        coalesce(pointed.branch_id, pointed.other_branch_id) as told_branch_id,
        case
            when pointed.is_same_branch
                then count(*) over (
                    partition by pointed.claim_id, pointed.other_source_id, pointed.is_same_end, pointed.is_same_branch
                )
            else count(*) over (partition by pointed.claim_id, pointed.other_source_id, pointed.is_same_end)
        end as other_count,
        case
            when pointed.is_same_branch
                then count(*) over (
                    partition by pointed.other_claim_id, pointed.source_id, pointed.is_same_end, pointed.is_same_branch
                )
            else count(*) over (partition by pointed.other_claim_id, pointed.source_id, pointed.is_same_end)
        end as claim_count
    from pointed
    left join named_alike
        on
            pointed.claim_id = named_alike.claim_id
            and pointed.other_source_id = named_alike.other_source_id
    left join named_alike as others_alike
        on
            pointed.other_claim_id = others_alike.claim_id
            and pointed.source_id = others_alike.other_source_id
    where
        (pointed.is_same_branch or (pointed.branch_id is null) <> (pointed.other_branch_id is null))
        and pointed.is_timed
        and pointed.minutes_apart = 0
        and not pointed.is_other_number
        and named_alike.claim_id is null
        and others_alike.claim_id is null

),

-- Five days where one of the two tells no branch: then there is an hour only to go by.
meetings as (

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
        is_same_end
        and other_count = 1
        and claim_count = 1
        and title_key is not null
        and other_title_key is not null
    group by source_id, other_source_id, branch_key, other_branch_key, told_branch_id, title_key, other_title_key
    having count(distinct start_on) >= case when branch_key = other_branch_key then 3 else 5 end

),

name_days as (

    select
        source_id,
        coalesce(branch_id, '') as branch_key,
        title_key,
        count(distinct start_on) as day_count
    from claims
    where has_time and title_key is not null
    group by source_id, coalesce(branch_id, ''), title_key

),

own_days as (

    select distinct
        source_id,
        branch_id,
        title,
        title_key,
        total_weight,
        start_on
    from claims
    where title_key is not null

),

met_names as (

    select
        meetings.source_id,
        meetings.other_source_id,
        meetings.told_branch_id,
        meetings.title_key,
        meetings.other_title_key,
        meetings.first_on,
        meetings.last_on,
        others.title,
        others.total_weight,
        max(case when own_days.start_on < meetings.first_on or own_days.start_on > meetings.last_on then 1 else 0 end) = 1
            as is_lasting
    from meetings
    inner join own_days
        on
            meetings.source_id = own_days.source_id
            and meetings.branch_key = coalesce(own_days.branch_id, '')
            and meetings.title_key = own_days.title_key
    inner join (
        select distinct
            source_id,
            title_key,
            title,
            total_weight
        from claims
    ) as others
        on meetings.other_source_id = others.source_id and meetings.other_title_key = others.title_key
    group by
        meetings.source_id, meetings.other_source_id, meetings.told_branch_id, meetings.title_key,
        meetings.other_title_key, meetings.first_on, meetings.last_on, others.title, others.total_weight

),

own_names as (

    select
        met_names.source_id,
        met_names.other_source_id,
        met_names.told_branch_id,
        met_names.title_key,
        met_names.other_title_key,
        met_names.title,
        met_names.total_weight,
        own_days.title as own_title,
        own_days.total_weight as own_weight
    from met_names
    inner join own_days
        on
            met_names.source_id = own_days.source_id
            and met_names.told_branch_id = coalesce(own_days.branch_id, met_names.told_branch_id)
    group by
        met_names.source_id, met_names.other_source_id, met_names.told_branch_id, met_names.title_key,
        met_names.other_title_key, met_names.title, met_names.total_weight, own_days.title, own_days.total_weight,
        met_names.is_lasting
    having
        count(distinct own_days.start_on) >= 3
        and (
            met_names.is_lasting
            or max(case
                when own_days.start_on >= met_names.first_on and own_days.start_on <= met_names.last_on then 1 else 0
            end) = 1
        )

),

-- Half of the words' weight of the shorter of both is enough to be the name of something else.
names_in_use as (

    select distinct
        source_id,
        other_source_id,
        told_branch_id,
        title_key,
        other_title_key
    from (
        select
            own_names.source_id,
            own_names.other_source_id,
            own_names.told_branch_id,
            own_names.title_key,
            own_names.other_title_key
        from own_names
        inner join stems on own_names.title = stems.title
        inner join stems as others on own_names.own_title = others.title and stems.stem = others.stem
        group by
            own_names.source_id, own_names.other_source_id, own_names.told_branch_id, own_names.title_key,
            own_names.other_title_key, own_names.title, own_names.total_weight, own_names.own_title, own_names.own_weight
        having
            2 * sum(case when stems.word_weight < others.word_weight then stems.word_weight else others.word_weight end)
            >= least(own_names.total_weight, own_names.own_weight)
    ) as alike_names

),

one_series as (

    select meetings.*
    from meetings
    inner join name_days
        on
            meetings.source_id = name_days.source_id
            and meetings.branch_key = name_days.branch_key
            and meetings.title_key = name_days.title_key
    inner join name_days as other_days
        on
            meetings.other_source_id = other_days.source_id
            and meetings.other_branch_key = other_days.branch_key
            and meetings.other_title_key = other_days.title_key
    left join names_in_use
        on
            meetings.source_id = names_in_use.source_id
            and meetings.other_source_id = names_in_use.other_source_id
            and meetings.told_branch_id = names_in_use.told_branch_id
            and meetings.title_key = names_in_use.title_key
            and meetings.other_title_key = names_in_use.other_title_key
    where
        names_in_use.source_id is null
        and 2 * meetings.day_count >= least(name_days.day_count, other_days.day_count)

),

-- A series that two feeds tell with one name, at one branch, to the minute: on three days and most days of the one that
-- is told less. On a day for which each tells it once, the two are one, though up to two hours apart.
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

same_day as (

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

),

-- One series told at two branches: five days and more from the same minute to the same minute, under one name. Somebody
-- left the wrong place in a form, if the series is known elsewhere or earlier at that weekday and hour from one of the
-- branches only; if neither or both are known for it, there may be two.
clocks as (

    select
        claims.claim_id,
        claims.source_id,
        claims.branch_id,
        claims.title_key,
        claims.start_on,
        {{ isodow('claims.start_on') }} as isodow,
        {{ moment_text('claims.start_at', 'settings.zone') }} as local_start
    from claims
    cross join {{ ref('stg_library__settings') }} as settings
    where claims.has_time and claims.branch_id is not null and claims.title_key is not null

),

disputed as (

    select
        pointed.source_id,
        pointed.other_source_id,
        pointed.branch_id,
        pointed.other_branch_id,
        pointed.title_key,
        pointed.other_title_key,
        clocks.isodow,
        substring(clocks.local_start, 12, 5) as local_hour,
        min(pointed.start_on) as first_on,
        max(pointed.start_on) as last_on
    from pointed
    inner join clocks on pointed.claim_id = clocks.claim_id
    where
        pointed.is_other_branch
        and pointed.is_timed
        and pointed.minutes_apart = 0
        and pointed.is_same_end
        and pointed.title_points >= 27
    group by
        pointed.source_id, pointed.other_source_id, pointed.branch_id, pointed.other_branch_id, pointed.title_key,
        pointed.other_title_key, clocks.isodow, substring(clocks.local_start, 12, 5)
    having count(distinct pointed.start_on) >= 5

),

misplaced as (

    select
        disputed.source_id,
        disputed.other_source_id,
        disputed.branch_id,
        disputed.other_branch_id,
        disputed.title_key,
        disputed.other_title_key
    from disputed
    inner join clocks
        on
            clocks.title_key in (disputed.title_key, disputed.other_title_key)
            and clocks.branch_id in (disputed.branch_id, disputed.other_branch_id)
            and disputed.isodow = clocks.isodow
            and disputed.local_hour = substring(clocks.local_start, 12, 5)
    group by
        disputed.source_id, disputed.other_source_id, disputed.branch_id, disputed.other_branch_id, disputed.title_key,
        disputed.other_title_key
    having
        sum(case
            when clocks.start_on < disputed.first_on or clocks.start_on > disputed.last_on then 0
            when clocks.source_id = disputed.source_id and clocks.branch_id = disputed.other_branch_id then 1
            when clocks.source_id = disputed.other_source_id and clocks.branch_id = disputed.branch_id then 1
            else 0
        end) = 0
        and max(case
            when clocks.branch_id <> disputed.branch_id then 0
            when
                clocks.source_id = disputed.source_id
                and clocks.start_on >= disputed.first_on and clocks.start_on <= disputed.last_on
                then 0
            else 1
        end)
        <> max(case
            when clocks.branch_id <> disputed.other_branch_id then 0
            when
                clocks.source_id = disputed.other_source_id
                and clocks.start_on >= disputed.first_on and clocks.start_on <= disputed.last_on
                then 0
            else 1
        end)

),

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
