-- Moves by a new post: a record went missing while it lay ahead, and before or in the first whole fetch that lacked it
-- the same feed first told another with the same words at the same branch, no more than two weeks from it. Of several
-- as many must have come as went, and each goes with the nearest.
with occurrences as (

    select
        occurrences.occurrence_id,
        occurrences.source_id,
        occurrences.series_id,
        occurrences.start_at,
        occurrences.start_on,
        titles.title_key,
        coalesce(owners.owner_branch_id, '') as branch_key
    from {{ ref('int_events__occurrences') }} as occurrences
    inner join {{ ref('int_events__titles') }} as titles on occurrences.title = titles.title
    left join {{ ref('int_events__owner_branches') }} as owners
        on occurrences.occurrence_id = owners.occurrence_id
    where occurrences.is_public and titles.title_key <> ''

),

absences as (

    select absences.*
    from {{ ref('int_events__absences') }} as absences
    inner join {{ ref('int_events__losses') }} as losses
        on
            absences.source_id = losses.source_id
            and absences.missing_since_run = losses.run_number
    where absences.is_still_missing and not losses.is_guarded

),

firsts as (

    select
        occurrence_id,
        min(run_number) as first_run
    from {{ ref('int_events__tellings') }}
    group by occurrence_id

),

pairs as (

    select
        gone.occurrence_id as gone_id,
        come.occurrence_id as come_id,
        abs({{ minutes_between('gone.start_at', 'come.start_at') }}) as minutes_apart
    from absences
    inner join occurrences as gone on absences.occurrence_id = gone.occurrence_id
    inner join occurrences as come
        on
            gone.source_id = come.source_id
            and gone.title_key = come.title_key
            and gone.branch_key = come.branch_key
            and gone.series_id <> come.series_id
    inner join firsts
        on
            come.occurrence_id = firsts.occurrence_id
            and absences.last_told_run < firsts.first_run
            and absences.missing_since_run >= firsts.first_run
    where
        come.start_at > absences.missing_since_at
        and abs({{ days_between('gone.start_on', 'come.start_on') }}) <= 14

),

counted as (

    select
        *,
        count(*) over (partition by gone_id) as come_count,
        count(*) over (partition by come_id) as gone_count,
        row_number() over (partition by gone_id order by minutes_apart asc, come_id asc) as come_choice,
        row_number() over (partition by come_id order by minutes_apart asc, gone_id asc) as gone_choice
    from pairs

),

final as (

    select
        gone_id,
        come_id
    from counted
    where come_choice = 1 and gone_choice = 1 and (minutes_apart = 0 or come_count = gone_count)

)

select * from final
