{#- What is known of series, for `int_events__claim_pairs`: which two names are one series' (`one_series`), which two
    claims are the only ones of their series that day (`same_day`), and which series stands at a wrong branch in one of
    two feeds (`misplaced`). Reads `claims`, `stems` and `pointed` of that model; a macro so that its unit tests see the
    rules and their points together. -#}
{% macro event_series_ctes() %}
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

worded as (

    select distinct
        source_id,
        title_key,
        title,
        total_weight
    from claims

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
    inner join worded as others
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

)
{% endmacro %}
