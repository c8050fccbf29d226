-- Each stretch of fetches that did not tell an occurrence, and whether they are enough to take it as withdrawn: so many,
-- and so long apart. Fetches of a feed that had lost too much count only once it has come back.
with missed as (

    select * from {{ ref('int_events__missed_fetches') }}

),

losses as (

    select * from {{ ref('int_events__losses') }}

),

settings as (

    select
        withdrawn_after_fetches,
        withdrawn_after_hours
    from {{ ref('stg_library__event_identity') }}

),

believed as (

    select
        missed.*,
        coalesce(not losses.is_guarded or missed.run_number >= losses.recovered_run, false) as is_believed
    from missed
    inner join losses
        on
            missed.source_id = losses.source_id
            and missed.missing_since_run = losses.run_number

),

numbered as (

    select
        *,
        sum(case when is_believed then 1 else 0 end) over (
            partition by occurrence_id, last_told_run
            order by fetch_id
            rows between unbounded preceding and current row
        ) as believed_number,
        min(case when is_believed then fetched_at end) over (
            partition by occurrence_id, last_told_run
        ) as first_believed_at
    from believed

),

final as (

    select
        numbered.occurrence_id,
        numbered.source_id,
        numbered.last_told_run,
        numbered.missing_since_run,
        numbered.start_at,
        min(numbered.fetched_at) as missing_since_at,
        max(numbered.believed_number) as absent_fetch_count,
        min(case
            when
                numbered.believed_number >= settings.withdrawn_after_fetches
                and {{ minutes_between('numbered.first_believed_at', 'numbered.fetched_at') }}
                >= settings.withdrawn_after_hours * 60
                then numbered.fetched_at
        end) as enough_at,
        max(case when numbered.next_run_number is null then 1 else 0 end) = 1 as is_still_missing
    from numbered
    cross join settings
    group by
        numbered.occurrence_id, numbered.source_id, numbered.last_told_run, numbered.missing_since_run,
        numbered.start_at

)

select * from final
