-- All that may be compared with each other: public occurrences, and attendance reports that name no known record but
-- say when and where. Equal postings of one feed (start, branch and words) are one posting, and so is a record with the
-- one that was posted in its stead; two slots of one series never are. A posting is compared by what was posted last.
with sources as (

    select * from {{ ref('stg_library__sources') }}

),

titles as (

    select * from {{ ref('int_events__titles') }}

),

occurrences as (

    select
        occurrences.*,
        owners.owner_branch_id,
        owners.titled_branch_id
    from {{ ref('int_events__occurrences') }} as occurrences
    left join {{ ref('int_events__owner_branches') }} as owners
        on occurrences.occurrence_id = owners.occurrence_id

),

reports as (

    select reports.*
    from {{ ref('int_events__attendance_reports') }} as reports
    left join {{ ref('int_events__occurrences') }} as occurrences
        on
            reports.source_id = occurrences.source_id
            and reports.series_id = occurrences.series_id
            and reports.slot = occurrences.slot
    where occurrences.occurrence_id is null and reports.start_on is not null

),

report_branches as (

    select
        reports.report_id,
        aliases.branch_id,
        row_number() over (
            partition by reports.report_id
            order by length(aliases.alias) desc, aliases.branch_id asc
        ) as alias_rank
    from reports
    inner join {{ ref('stg_library__branch_aliases') }} as aliases
        on {{ dbt.position(plain_words('aliases.alias'), plain_words('reports.location')) }} > 0

),

split_by_decision as (

    select distinct
        source_id,
        series_id,
        slot
    from {{ ref('stg_library__event_decisions') }}
    where verdict = 'different'
    union
    select distinct
        other_source_id as source_id,
        other_series_id as series_id,
        other_slot as slot
    from {{ ref('stg_library__event_decisions') }}
    where verdict = 'different'

),

claims as (

    select
        occurrences.occurrence_id as claim_id,
        false as is_report,
        occurrences.source_id,
        sources.source_rank,
        occurrences.series_id,
        occurrences.slot,
        occurrences.start_at,
        occurrences.end_at,
        occurrences.start_on,
        occurrences.end_on,
        occurrences.has_time,
        occurrences.original_start_at,
        occurrences.is_moved,
        occurrences.is_public,
        occurrences.owner_branch_id as branch_id,
        occurrences.titled_branch_id,
        trim({{ plain_words("coalesce(occurrences.location, '')") }}) as place_key,
        occurrences.url,
        occurrences.title
    from occurrences
    inner join sources on occurrences.source_id = sources.source_id

    union all

    select
        reports.report_id as claim_id,
        true as is_report,
        reports.source_id,
        1000000 + sources.source_rank as source_rank,
        reports.series_id,
        reports.slot,
        coalesce(reports.start_at, cast(reports.start_on as timestamp)) as start_at,
        coalesce(reports.start_at, cast(reports.start_on as timestamp)) as end_at,
        reports.start_on,
        reports.start_on as end_on,
        reports.start_at is not null as has_time,
        coalesce(reports.start_at, cast(reports.start_on as timestamp)) as original_start_at,
        false as is_moved,
        true as is_public,
        coalesce(report_branches.branch_id, sources.branch_id) as branch_id,
        cast(null as {{ dbt.type_string() }}) as titled_branch_id,
        trim({{ plain_words("coalesce(reports.location, '')") }}) as place_key,
        cast(null as {{ dbt.type_string() }}) as url,
        reports.title
    from reports
    inner join sources on reports.source_id = sources.source_id
    left join report_branches on reports.report_id = report_branches.report_id and report_branches.alias_rank = 1

),

-- An address that several records of one feed share is the calendar's, not the event's.
own_pages as (

    select
        source_id,
        url
    from claims
    where url is not null
    group by source_id, url
    having count(distinct series_id) = 1

),

keyed as (

    select
        claims.*,
        own_pages.url as page,
        titles.title_key,
        titles.number_key,
        titles.total_weight,
        case
            when claims.is_report or not claims.is_public or split_by_decision.source_id is not null
                then claims.claim_id
            when coalesce(titles.title_key, '') = '' then claims.claim_id
            when claims.branch_id is not null then 'branch ' || claims.branch_id
            when claims.place_key <> '' then 'place ' || claims.place_key
            else claims.claim_id
        end as posting_place
    from claims
    left join titles on claims.title = titles.title
    left join own_pages on claims.source_id = own_pages.source_id and claims.url = own_pages.url
    left join split_by_decision
        on
            claims.source_id = split_by_decision.source_id
            and claims.series_id = split_by_decision.series_id
            and claims.slot = split_by_decision.slot

),

twins as (

    select
        *,
        row_number() over (
            partition by source_id, posting_place, title_key, start_at, has_time, end_on, series_id
            order by slot, claim_id
        ) as twin_number
    from keyed

),

posted as (

    select
        *,
        first_value(claim_id) over (
            partition by source_id, posting_place, title_key, start_at, has_time, end_on, twin_number
            order by claim_id
            rows between unbounded preceding and unbounded following
        ) as twin_id
    from twins

),

-- What is posted in another's stead takes its place only if nothing of that still stands.
standing as (

    select distinct posted.twin_id
    from posted
    left join {{ ref('int_events__reposts') }} as reposts on posted.claim_id = reposts.gone_id
    left join {{ ref('int_events__absences') }} as absences
        on posted.claim_id = absences.occurrence_id and absences.is_still_missing
    where reposts.gone_id is null and absences.occurrence_id is null

),

steps as (

    select
        gone.twin_id as old_id,
        min(come.twin_id) as new_id
    from {{ ref('int_events__reposts') }} as reposts
    inner join posted as gone on reposts.gone_id = gone.claim_id
    inner join posted as come on reposts.come_id = come.claim_id
    left join standing on gone.twin_id = standing.twin_id
    where standing.twin_id is null and gone.twin_id <> come.twin_id
    group by gone.twin_id

),

-- A posting is known by its oldest record, over at most three new posts.
chains as (

    select
        steps.old_id as first_id,
        steps.new_id as second_id,
        thirds.new_id as third_id,
        fourths.new_id as fourth_id
    from steps
    left join steps as earlier on steps.old_id = earlier.new_id
    left join steps as thirds on steps.new_id = thirds.old_id
    left join steps as fourths on thirds.new_id = fourths.old_id
    where earlier.old_id is null

),

members as (

    select
        member_id,
        min(first_id) as first_id,
        min(last_id) as last_id
    from (
        {% for member in ['first_id', 'second_id', 'third_id', 'fourth_id'] %}
            select
                {{ member }} as member_id,
                first_id,
                coalesce(fourth_id, third_id, second_id) as last_id
            from chains
            where {{ member }} is not null
            {{ 'union all' if not loop.last }}
        {% endfor %}
    ) as chained
    group by member_id

),

-- Of equal postings of one feed, the one that it took out while it lay ahead and went on telling the other has nothing
-- more to say.
last_runs as (

    select
        occurrence_id,
        max(run_number) as last_run
    from {{ ref('int_events__tellings') }}
    group by occurrence_id

),

outlived as (

    select distinct posted.claim_id
    from posted
    inner join posted as others on posted.twin_id = others.twin_id and posted.claim_id <> others.claim_id
    inner join last_runs on posted.claim_id = last_runs.occurrence_id
    inner join {{ ref('int_events__absences') }} as absences
        on posted.claim_id = absences.occurrence_id and absences.is_still_missing
    inner join {{ ref('int_events__tellings') }} as tellings
        on
            others.claim_id = tellings.occurrence_id
            and last_runs.last_run < tellings.run_number
            and posted.start_at > tellings.told_at

),

final as (

    select
        posted.claim_id,
        coalesce(members.first_id, posted.twin_id) as posting_id,
        case
            when posted.claim_id = coalesce(members.first_id, posted.twin_id) then 'own'
            when members.first_id <> posted.twin_id then 'posted_anew'
            else 'same_feed_twice'
        end as posting_rule,
        coalesce(members.last_id <> posted.twin_id, false) or outlived.claim_id is not null as is_superseded,
        posted.is_report,
        posted.source_id,
        posted.source_rank,
        posted.series_id,
        posted.slot,
        lasts.start_at,
        lasts.end_at,
        lasts.start_on,
        lasts.end_on,
        lasts.has_time,
        case when lasts.is_moved then lasts.original_start_at else posted.start_at end as original_start_at,
        lasts.is_moved or (posted.has_time and lasts.has_time and posted.start_at <> lasts.start_at) as is_moved,
        posted.is_public,
        lasts.branch_id,
        lasts.titled_branch_id,
        lasts.place_key,
        lasts.page,
        lasts.title,
        lasts.title_key,
        lasts.number_key,
        lasts.total_weight
    from posted
    left join members on posted.twin_id = members.member_id
    left join outlived on posted.claim_id = outlived.claim_id
    inner join posted as lasts on coalesce(members.last_id, posted.claim_id) = lasts.claim_id

)

select * from final
