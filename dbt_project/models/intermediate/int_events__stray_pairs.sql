-- Two events that share neither name nor source and are perhaps one all the same: one that nobody reports and one that is
-- reported and stands beside it. At one branch their hours overlap, and who reports lists four of five events of it that
-- month; at two branches they begin in one minute, nobody else uses the unreported one's name at its branch, and most of
-- that is listed. Each must be the only one that the other could be.
with rules as (

    select * from {{ ref('int_events__count_rules') }}
    where is_countable

),

reporters as (

    select distinct source_id from {{ ref('int_events__attendance_reports') }}

),

claims as (

    select
        identity.event_id,
        identity.claim_id,
        identity.source_id,
        identity.source_rank,
        holdings.owner_branch_id,
        titles.title_key,
        reporters.source_id is not null as is_report_sheet,
        row_number() over (
            partition by identity.event_id
            order by identity.source_rank asc, identity.claim_id asc
        ) as belief
    from {{ ref('int_events__identity') }} as identity
    inner join {{ ref('int_events__holdings') }} as holdings on identity.event_id = holdings.event_id
    inner join {{ ref('int_events__occurrences') }} as occurrences on identity.claim_id = occurrences.occurrence_id
    left join {{ ref('int_events__titles') }} as titles on occurrences.title = titles.title
    left join reporters on identity.source_id = reporters.source_id
    where not identity.is_report and not identity.is_superseded

),

feeds as (

    select
        event_id,
        max(case when belief = 1 then claim_id end) as best_claim_id,
        min(case when not is_report_sheet then source_rank end) as feed_rank
    from claims
    group by event_id

),

-- Names of a branch by which more than one source knows an event.
shared_events as (

    select event_id
    from claims
    group by event_id
    having count(distinct source_id) > 1

),

shared_names as (

    select distinct
        claims.owner_branch_id,
        claims.title_key
    from claims
    inner join shared_events on claims.event_id = shared_events.event_id

),

events as (

    select
        holdings.event_id,
        holdings.owner_branch_id,
        holdings.start_at,
        holdings.end_at,
        holdings.start_on,
        feeds.best_claim_id,
        feeds.feed_rank,
        reported.event_id is not null as is_reported,
        coalesce(months.event_count >= 3 and months.reported_count * 5 >= months.event_count * 4, false)
            as is_well_reported,
        coalesce(months.event_count >= 3 and months.reported_count * 2 > months.event_count, false)
            as is_mostly_reported,
        shared_names.title_key is not null as is_known_name
    from {{ ref('int_events__holdings') }} as holdings
    inner join rules on holdings.event_id = rules.event_id
    inner join feeds on holdings.event_id = feeds.event_id
    left join {{ ref('int_events__unreported') }} as unreported on holdings.event_id = unreported.event_id
    left join {{ ref('int_events__reported') }} as reported on holdings.event_id = reported.event_id
    left join {{ ref('int_events__report_months') }} as months
        on
            holdings.owner_branch_id = months.branch_id
            and cast({{ dbt.date_trunc('month', 'holdings.start_on') }} as date) = months.month_start
    left join {{ ref('int_events__titles') }} as titles on holdings.title = titles.title
    left join shared_names
        on holdings.owner_branch_id = shared_names.owner_branch_id and titles.title_key = shared_names.title_key
    where
        holdings.has_time
        and holdings.owner_branch_id is not null
        and unreported.event_id is null
        and not coalesce(reported.is_reported_cancelled, false)

),

beside as (

    select
        listed.event_id,
        strays.event_id as other_event_id,
        listed.best_claim_id as claim_id,
        strays.best_claim_id as other_claim_id,
        listed.owner_branch_id = strays.owner_branch_id as is_same_branch
    from events as strays
    inner join events as listed
        on
            strays.start_on = listed.start_on
            and strays.event_id <> listed.event_id
            and (
                strays.start_at = listed.start_at
                or (
                    strays.owner_branch_id = listed.owner_branch_id
                    and strays.start_at < listed.end_at and listed.start_at < strays.end_at
                )
            )
    where
        not strays.is_reported
        and listed.is_reported
        and (
            (strays.owner_branch_id = listed.owner_branch_id and strays.is_well_reported)
            or (strays.owner_branch_id <> listed.owner_branch_id and strays.is_mostly_reported and not strays.is_known_name)
        )
        -- a better believed feed than any that tells the other is right about its own
        and not coalesce(strays.feed_rank < listed.feed_rank, false)

),

-- What one source tells as two is two, and what has words in common is judged by them.
told_apart as (

    select distinct
        claims.event_id,
        others.event_id as other_event_id
    from beside
    inner join claims on beside.event_id = claims.event_id
    inner join claims as others on beside.other_event_id = others.event_id
    where claims.source_id = others.source_id

    union

    select
        event_id,
        other_event_id
    from {{ ref('int_events__likely_pairs') }}

    union

    select
        other_event_id as event_id,
        event_id as other_event_id
    from {{ ref('int_events__likely_pairs') }}

),

left_over as (

    select
        beside.*,
        count(*) over (partition by beside.event_id, beside.is_same_branch) as stray_count,
        count(*) over (partition by beside.other_event_id, beside.is_same_branch) as listed_count
    from beside
    left join told_apart
        on beside.event_id = told_apart.event_id and beside.other_event_id = told_apart.other_event_id
    where told_apart.event_id is null

),

final as (

    select
        event_id,
        other_event_id,
        claim_id,
        other_claim_id,
        is_same_branch,
        case
            when is_same_branch
                then 'the other is not reported, though most of its branch is that month, and this one stood beside it'
            else
                'the other is not reported, though most of its branch is that month, nobody else uses its name there, and '
                || 'this one began in that minute at another branch'
        end as match_reason
    from left_over
    where stray_count = 1 and listed_count = 1

)

select * from final
