-- All that may be compared with each other: public occurrences, and attendance reports that name no known record but
-- say when and where. Equal postings of one feed (start, branch and words) are one posting; two slots of one series
-- never are.
with sources as (

    select * from {{ ref('stg_library__sources') }}

),

titles as (

    select * from {{ ref('int_events__titles') }}

),

occurrences as (

    select
        occurrences.*,
        owners.owner_branch_id
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

final as (

    select
        claim_id,
        first_value(claim_id) over (
            partition by source_id, posting_place, title_key, start_at, has_time, end_on, twin_number
            order by claim_id
            rows between unbounded preceding and unbounded following
        ) as posting_id,
        is_report,
        source_id,
        source_rank,
        series_id,
        slot,
        start_at,
        end_at,
        start_on,
        end_on,
        has_time,
        original_start_at,
        is_moved,
        is_public,
        branch_id,
        place_key,
        page,
        title,
        title_key,
        number_key,
        total_weight
    from twins

)

select * from final
