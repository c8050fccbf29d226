-- Of two names that meet, those that the better believed feed uses itself at that branch, on three days: the name of
-- something else (two programmes in two rooms at one hour), unless that feed has the one name in these weeks only, and
-- the other never in them: then it has changed the name.
with claims as (

    select * from {{ ref('int_events__claims') }}
    where claim_id = posting_id and is_public

),

meetings as (

    select * from {{ ref('int_events__meetings') }}

),

stems as (

    select
        title,
        stem,
        max(word_weight) as word_weight
    from {{ ref('int_events__title_words') }}
    group by title, stem

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
final as (

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

)

select * from final
