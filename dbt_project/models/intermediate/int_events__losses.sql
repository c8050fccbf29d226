-- What a source lost from one fetch to the next of all that lay ahead. A fetch that loses too much is not believed, and
-- nothing that went missing in it is withdrawn, however often the same is said again.
with missed as (

    select * from {{ ref('int_events__missed_fetches') }}

),

lost as (

    select
        source_id,
        missing_since_run as run_number,
        occurrence_id,
        next_run_number,
        start_at,
        min(fetched_at) as fetched_at
    from missed
    group by source_id, missing_since_run, occurrence_id, next_run_number, start_at

),

losses as (

    select
        source_id,
        run_number,
        min(fetched_at) as fetched_at,
        count(*) as lost_count,
        sum(case when next_run_number is null and start_at > {{ as_of() }} then 1 else 0 end) as still_missing_count
    from lost
    group by source_id, run_number

),

firsts as (

    select
        occurrence_id,
        min(run_number) as first_run
    from {{ ref('int_events__tellings') }}
    group by occurrence_id

),

remaining as (

    select
        losses.source_id,
        losses.run_number,
        count(tellings.occurrence_id) as told_count,
        sum(case when tellings.start_at > losses.fetched_at and firsts.first_run < losses.run_number then 1 else 0 end)
            as remaining_count
    from losses
    left join {{ ref('int_events__tellings') }} as tellings
        on
            losses.source_id = tellings.source_id
            and losses.run_number = tellings.run_number
    left join firsts on tellings.occurrence_id = firsts.occurrence_id
    group by losses.source_id, losses.run_number

),

settings as (

    select * from {{ ref('stg_library__event_identity') }}

),

judged as (

    select
        losses.source_id,
        losses.run_number,
        losses.fetched_at,
        losses.lost_count,
        coalesce(remaining.remaining_count, 0) as remaining_count,
        losses.still_missing_count,
        settings.guard_count,
        settings.guard_share * (losses.lost_count + coalesce(remaining.remaining_count, 0)) as guard_limit,
        -- an empty list is a broken one until somebody says otherwise
        remaining.told_count = 0
        or (
            losses.lost_count >= settings.guard_count
            and losses.lost_count > settings.guard_share * (losses.lost_count + coalesce(remaining.remaining_count, 0))
        ) as is_guarded
    from losses
    inner join remaining
        on
            losses.source_id = remaining.source_id
            and losses.run_number = remaining.run_number
    cross join settings

),

-- The feed has come back in the first run after which no more is missing than a feed may lose at once.
returns as (

    select
        judged.source_id,
        judged.run_number,
        lost.next_run_number,
        judged.lost_count - sum(count(*)) over (
            partition by judged.source_id, judged.run_number
            order by lost.next_run_number
            rows between unbounded preceding and current row
        ) as missing_count,
        judged.guard_count,
        judged.guard_limit
    from judged
    inner join lost
        on
            judged.source_id = lost.source_id
            and judged.run_number = lost.run_number
    where judged.is_guarded and lost.next_run_number is not null
    group by
        judged.source_id, judged.run_number, lost.next_run_number, judged.lost_count, judged.guard_count,
        judged.guard_limit

),

recoveries as (

    select
        source_id,
        run_number,
        min(next_run_number) as recovered_run
    from returns
    where missing_count < guard_count or missing_count <= guard_limit
    group by source_id, run_number

),

final as (

    select
        judged.source_id,
        judged.run_number,
        judged.fetched_at,
        judged.lost_count,
        judged.remaining_count,
        judged.still_missing_count,
        judged.is_guarded,
        recoveries.recovered_run
    from judged
    left join recoveries
        on
            judged.source_id = recoveries.source_id
            and judged.run_number = recoveries.run_number

)

select * from final
