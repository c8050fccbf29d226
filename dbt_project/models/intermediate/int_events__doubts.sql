-- What the rules decided carefully and a person should see: one row per doubt, with what to do.
with events as (

    select * from {{ ref('int_events__events') }}

),

claims as (

    select
        identity.event_id,
        identity.is_anchor,
        identity.is_superseded,
        occurrences.*,
        owners.owner_branch_id,
        titles.title_key
    from {{ ref('int_events__identity') }} as identity
    inner join {{ ref('int_events__occurrences') }} as occurrences on identity.claim_id = occurrences.occurrence_id
    left join {{ ref('int_events__owner_branches') }} as owners on identity.claim_id = owners.occurrence_id
    left join {{ ref('int_events__titles') }} as titles on occurrences.title = titles.title

),

decided as (

    select distinct claims.event_id
    from {{ ref('stg_library__event_decisions') }} as decisions
    inner join claims
        on
            (
                decisions.source_id = claims.source_id
                and decisions.series_id = claims.series_id
                and decisions.slot = claims.slot
            )
            or (
                decisions.other_source_id = claims.source_id
                and decisions.other_series_id = claims.series_id
                and decisions.other_slot = claims.slot
            )
    -- for whom it was says nothing of whether it was
    where decisions.verdict <> 'audience'

),

-- What an answer, whole or not, no longer told while it lay ahead.
unseen as (

    select
        tellings.occurrence_id,
        min(runs.fetched_at) as missing_since_at
    from {{ ref('int_events__tellings') }} as tellings
    inner join {{ ref('int_events__runs') }} as runs
        on
            tellings.source_id = runs.source_id
            and tellings.run_number < runs.run_number
            and tellings.start_at > runs.fetched_at
    where tellings.next_run_number is null
    group by tellings.occurrence_id

),

losses as (

    select
        'future_lost' as doubt_kind,
        source_id,
        'run ' || cast(run_number as {{ dbt.type_string() }}) as subject_id,
        cast(null as {{ dbt.type_string() }}) as event_id,
        fetched_at as noticed_at,
        'one fetch lacks ' || cast(lost_count as {{ dbt.type_string() }}) || ' of '
        || cast(lost_count + remaining_count as {{ dbt.type_string() }})
        || ' events that lay ahead; nothing was withdrawn on its word' as message,
        'Look at the feed. If it is whole, decide not_countable for what was truly taken out; if it is broken, '
        || 'tell the publisher: it closes when the events are told again or their dates have passed.' as next_action,
        recovered_run is null and still_missing_count > 0 as is_open
    from {{ ref('int_events__losses') }}
    where is_guarded

),

late as (

    select
        'changed_after_it_ended' as doubt_kind,
        source_id,
        occurrence_id as subject_id,
        event_id,
        last_changed_at as noticed_at,
        'told as ' || late_change || ' after it had ended' as message,
        'Ask the branch what happened; decide countable or not_countable where the late word is wrong.' as next_action
    from claims
    where late_change is not null

),

partly_withdrawn as (

    select
        'one_source_took_it_out' as doubt_kind,
        claims.source_id,
        claims.occurrence_id as subject_id,
        claims.event_id,
        claims.withdrawn_at as noticed_at,
        'one source no longer tells of it, another does; it stays' as message,
        'Ask the branch; decide not_countable if it was not held.' as next_action
    from claims
    inner join events on claims.event_id = events.event_id
    where claims.status = 'withdrawn' and events.status <> 'withdrawn' and not claims.is_superseded

),

partly_cancelled as (

    select
        'one_source_cancelled_it' as doubt_kind,
        claims.source_id,
        claims.occurrence_id as subject_id,
        claims.event_id,
        claims.last_changed_at as noticed_at,
        'one source says cancelled, a better believed one says ' || events.status as message,
        'Ask the branch; decide not_countable if it was not held.' as next_action
    from claims
    inner join events on claims.event_id = events.event_id
    where claims.status = 'cancelled' and events.status <> 'cancelled'

),

reposted as (

    select
        'perhaps_moved' as doubt_kind,
        gone.source_id,
        gone.occurrence_id as subject_id,
        gone.event_id,
        min(unseen.missing_since_at) as noticed_at,
        'went missing, and one like it is told on another date under another id' as message,
        'If it was moved, decide not_countable for the old one, or wait until it is withdrawn.' as next_action
    from claims as gone
    inner join unseen on gone.occurrence_id = unseen.occurrence_id
    inner join claims as come
        on
            gone.source_id = come.source_id
            and gone.series_id <> come.series_id
            and gone.title_key = come.title_key
            and coalesce(gone.owner_branch_id, '') = coalesce(come.owner_branch_id, '')
            and come.first_told_at >= unseen.missing_since_at
            and abs({{ days_between('gone.start_on', 'come.start_on') }}) <= 14
    where
        gone.status in ('scheduled', 'moved', 'occurred')
        and gone.event_id <> come.event_id
        and not gone.is_superseded and not come.is_superseded
    group by gone.source_id, gone.occurrence_id, gone.event_id

),

alike as (

    select
        'perhaps_one_event' as doubt_kind,
        claims.source_id,
        pairs.claim_id || ' ' || pairs.other_claim_id as subject_id,
        pairs.event_id,
        claims.last_changed_at as noticed_at,
        'scores ' || cast(pairs.score as {{ dbt.type_string() }}) || ' with a claim of ' || others.source_id || ': '
        || pairs.match_reason as message,
        'Decide same or different for the two claims.' as next_action
    from {{ ref('int_events__doubtful_pairs') }} as pairs
    inner join claims on pairs.claim_id = claims.occurrence_id
    inner join claims as others on pairs.other_claim_id = others.occurrence_id
    inner join events on pairs.event_id = events.event_id
    inner join events as other_events on pairs.other_event_id = other_events.event_id
    where events.is_countable and other_events.is_countable

),

both_ways as (

    select
        event_id,
        other_event_id,
        claim_id,
        other_claim_id
    from {{ ref('int_events__doubtful_pairs') }}
    union all
    select
        other_event_id as event_id,
        event_id as other_event_id,
        other_claim_id as claim_id,
        claim_id as other_claim_id
    from {{ ref('int_events__doubtful_pairs') }}

),

-- Taken out of the count because nobody reports it while the other of a pair is reported: so says a rule, and no person.
set_aside as (

    select
        'set_aside' as doubt_kind,
        claims.source_id,
        pairs.claim_id || ' ' || pairs.other_claim_id as subject_id,
        claims.event_id,
        claims.last_changed_at as noticed_at,
        'does not count: ' || events.count_reason as message,
        'Decide same if it is the other one; countable if it was held beside it, not_countable if it was not.'
            as next_action
    from {{ ref('int_events__unreported') }} as unreported
    inner join events on unreported.event_id = events.event_id
    inner join {{ ref('int_events__count_rules') }} as rules on unreported.event_id = rules.event_id
    inner join both_ways as pairs
        on unreported.event_id = pairs.event_id and unreported.other_event_id = pairs.other_event_id
    inner join claims on pairs.claim_id = claims.occurrence_id
    where rules.is_countable and not events.is_countable

),

-- What is asked about a pair already is not asked alone as well.
paired as (

    select distinct event_id
    from both_ways

),

unconfirmed as (

    select
        'usual_source_lacks_it' as doubt_kind,
        claims.source_id,
        claims.occurrence_id as subject_id,
        claims.event_id,
        claims.last_changed_at as noticed_at,
        'not told by ' || lacking.source_id || ', which tells ' || cast(lacking.told_by_source_count as {{ dbt.type_string() }})
        || ' of ' || cast(lacking.branch_event_count as {{ dbt.type_string() }}) || ' of its branch that year' as message,
        'Decide same if it is another one by a wrong name, hour or place, countable or not_countable if not.'
            as next_action
    from claims
    inner join {{ ref('int_events__unconfirmed') }} as lacking on claims.event_id = lacking.event_id
    left join paired on claims.event_id = paired.event_id
    where claims.is_anchor and paired.event_id is null

),

placeless as (

    select
        'no_branch' as doubt_kind,
        claims.source_id,
        claims.occurrence_id as subject_id,
        claims.event_id,
        claims.last_changed_at as noticed_at,
        'it counts, and no source says for which branch' as message,
        'Decide owner_branch, or not_countable if it is not the library''s.' as next_action
    from claims
    inner join events on claims.event_id = events.event_id
    where claims.is_anchor and events.is_countable and events.owner_branch_id = 'unassigned'

),

reports as (

    select * from {{ ref('int_events__attendance') }}
    where attendance_count is not null

),

homeless as (

    select
        'report_without_event' as doubt_kind,
        source_id,
        report_id as subject_id,
        cast(null as {{ dbt.type_string() }}) as event_id,
        reported_at as noticed_at,
        'an attendance report fits no event' as message,
        'Correct date, time, branch or title in the report, or have the event told in a feed.' as next_action
    from reports
    where event_id is null and report_scope = 'none'

),

-- A number of a whole series waits until somebody splits it; a report of one of its dates says that it was done.
split_series as (

    select distinct
        occurrences.source_id,
        occurrences.series_id
    from reports
    inner join claims as occurrences
        on
            reports.event_id = occurrences.event_id
            and reports.source_id = occurrences.source_id
            and reports.series_id = occurrences.series_id

),

whole_series as (

    select
        'report_on_series' as doubt_kind,
        reports.source_id,
        reports.report_id as subject_id,
        cast(null as {{ dbt.type_string() }}) as event_id,
        reports.reported_at as noticed_at,
        'one number is reported for a whole series; it is no date''s attendance' as message,
        'Report each date of the series by itself.' as next_action,
        split_series.series_id is null as is_open
    from reports
    left join split_series
        on
            reports.source_id = split_series.source_id
            and reports.series_id = split_series.series_id
    where reports.report_scope = 'series'

),

overfull as (

    select
        'parts_exceed_total' as doubt_kind,
        source_id,
        report_id as subject_id,
        event_id,
        reported_at as noticed_at,
        'adults and children are more than all who were in the room' as message,
        'Correct the report; until then the total is used and its parts are not.' as next_action
    from reports
    where has_part_conflict and event_id is not null

),

impossible as (

    select
        'attendance_at_no_event' as doubt_kind,
        reports.source_id,
        reports.report_id as subject_id,
        reports.event_id,
        reports.reported_at as noticed_at,
        'people are reported at an event that is ' || events.status as message,
        'Ask the branch; decide countable if it was held, or correct the report.' as next_action
    from reports
    inner join events on reports.event_id = events.event_id
    where events.status in ('cancelled', 'postponed', 'withdrawn') and reports.attendance_count > 0

),

contradicted as (

    select
        'reports_disagree' as doubt_kind,
        reports.source_id,
        reports.report_id as subject_id,
        reports.event_id,
        reports.reported_at as noticed_at,
        'another report of the event says another number, and is used' as message,
        'Correct the one that is wrong; they are never added.' as next_action
    from reports
    inner join reports as used on reports.event_id = used.event_id and used.is_used
    where not reports.is_used and reports.attendance_count <> used.attendance_count

),

-- Where people came, it was held, whatever one source took out or called off.
attended as (

    select distinct event_id
    from reports
    where event_id is not null and attendance_count > 0

),

about_events as (

    select * from late
    union all
    select * from partly_withdrawn
    union all
    select * from partly_cancelled
    union all
    select * from reposted
    union all
    select * from alike
    union all
    select * from unconfirmed
    union all
    select * from placeless
    union all
    select * from set_aside
    union all
    select * from impossible
    union all
    select * from contradicted
    union all
    select * from overfull

),

final as (

    select * from losses
    union all
    select
        *,
        true as is_open
    from homeless
    union all
    select * from whole_series
    union all
    select
        about_events.doubt_kind,
        about_events.source_id,
        about_events.subject_id,
        about_events.event_id,
        about_events.noticed_at,
        about_events.message,
        about_events.next_action,
        decided.event_id is null
        and not (
            about_events.doubt_kind in ('one_source_took_it_out', 'one_source_cancelled_it')
            and attended.event_id is not null
        ) as is_open
    from about_events
    left join decided on about_events.event_id = decided.event_id
    left join attended on about_events.event_id = attended.event_id

)

select * from final
