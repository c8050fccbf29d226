-- Each complete fetch that should have told an occurrence that still lay ahead, and did not. What lies in the past is
-- never missed: feeds forget it.
with gaps as (

    select
        *,
        coalesce(next_run_number, 2147483647) as back_in_run
    from {{ ref('int_events__tellings') }}
    where next_run_number is null or next_run_number > run_number + 1

),

runs as (

    select * from {{ ref('int_events__runs') }}

),

answers as (

    select * from {{ ref('int_events__fetches') }}
    where window_start_at is not null and window_end_at is not null

),

-- What an incomplete answer of the same fetch should have covered is not missing.
final as (

    select
        gaps.occurrence_id,
        gaps.source_id,
        gaps.run_number as last_told_run,
        gaps.next_run_number,
        gaps.start_at,
        min(runs.run_number) over (partition by gaps.occurrence_id, gaps.run_number) as missing_since_run,
        runs.run_number,
        runs.fetch_id,
        runs.fetched_at
    from gaps
    inner join runs
        on
            gaps.source_id = runs.source_id
            and gaps.run_number < runs.run_number
            and gaps.back_in_run > runs.run_number
            and gaps.start_at > runs.fetched_at
            -- an event that can't be read any more may be the missing one
            and gaps.reject_count >= runs.reject_count
    inner join answers
        on
            runs.source_id = answers.source_id
            and runs.fetch_id = answers.fetch_id
            and gaps.start_at >= answers.window_start_at
            and gaps.start_at < answers.window_end_at
    where not answers.has_failed_part
    group by
        gaps.occurrence_id, gaps.source_id, gaps.run_number, gaps.next_run_number, gaps.start_at,
        runs.run_number, runs.fetch_id, runs.fetched_at
    having
        sum(case when answers.answer_state = 'complete' then 1 else 0 end) > 0
        and sum(case when answers.answer_state = 'incomplete' then 1 else 0 end) = 0

)

select * from final
