-- Until when each perimeter line has been told, and by when it must be told again. A line is late when open time that
-- nobody told of is older than the source's expected interval and a grace of a tenth, an hour at least. Lateness begins
-- in open time only: a door is never found silent while its branch is closed.
with lines as (

    select * from {{ ref('stg_library__lines') }}
    where role = 'perimeter'

),

sources as (

    select * from {{ ref('stg_library__sources') }}

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

watch as (

    select
        zone,
        start_on,
        end_on,
        {{ as_of() }} as watched_until_at,
        cast({{ to_local(as_of(), 'zone') }} as date) as watched_on
    from settings

),

spoken as (

    select
        line_id,
        max(interval_end_at) as spoken_until_at,
        max(case when value_state = 'observed' then interval_end_at end) as observed_until_at
    from {{ ref('int_doors__mapped_observations') }}
    where line_id is not null and value_state in ('observed', 'vendor_imputed') and interval_start_at <= {{ as_of() }}
    group by line_id

),

-- When the newest interval was told for the first time: a poll that tells it again every day is no sign of life.
heard as (

    select
        lines.line_id,
        min(observations.received_at) as heard_at
    from lines
    inner join spoken on lines.line_id = spoken.line_id
    inner join {{ ref('stg_doors__observations') }} as observations
        on
            lines.source_id = observations.source_id
            and lines.device_key = observations.device_key
            and lines.line_key = observations.line_key
            and spoken.spoken_until_at = observations.interval_end_at
    group by lines.line_id

),

watched as (

    select
        lines.line_id,
        lines.branch_id,
        lines.source_id,
        lines.device_key,
        lines.line_key,
        coalesce(nullif(lines.door, ''), lines.line_id) as door,
        lines.valid_from,
        lines.valid_to,
        watch.zone,
        watch.watched_until_at,
        spoken.spoken_until_at,
        spoken.observed_until_at,
        heard.heard_at,
        coalesce(sources.expected_every_hours, 24) as expected_hours,
        coalesce(sources.is_enabled, false) as is_enabled,
        greatest(coalesce(sources.expected_every_hours, 24) * 66, coalesce(sources.expected_every_hours, 24) * 60 + 60)
            as patience_minutes,
        coalesce(
            spoken.spoken_until_at, {{ day_start('greatest(lines.valid_from, watch.start_on)', 'watch.zone', 'cuts.cut_minute') }}
        ) as silent_after_at,
        watch.watched_on,
        -- where reporting is over, nothing is expected any more
        watch.end_on is null or watch.watched_on < watch.end_on as is_reported
    from lines
    cross join watch
    left join sources on lines.source_id = sources.source_id
    left join spoken on lines.line_id = spoken.line_id
    left join heard on lines.line_id = heard.line_id
    left join {{ ref('stg_library__day_cuts') }} as cuts
        on
            lines.branch_id = cuts.branch_id
            and {{ valid_on('cuts', 'greatest(lines.valid_from, watch.start_on)') }}

),

intervals as (

    select * from {{ ref('int_library__watched_intervals') }}

),

-- The first open moment that nobody told of. The last minutes before closing are no gap: some counters send only whole
-- intervals, and displays are read a little before closing.
untold as (

    select
        watched.line_id,
        min(greatest(intervals.opens_at, watched.silent_after_at)) as untold_from_at
    from watched
    inner join intervals
        on
            watched.branch_id = intervals.branch_id
            and {{ valid_on('watched', 'intervals.local_date') }}
            and intervals.closes_at > watched.silent_after_at
    where
        intervals.opens_at >= watched.silent_after_at
        or {{ minutes_between('watched.silent_after_at', 'intervals.closes_at') }} >= 60
    group by watched.line_id

),

due as (

    select
        watched.*,
        untold.untold_from_at,
        {{ plus_minutes(
            'greatest(untold.untold_from_at, coalesce(watched.heard_at, untold.untold_from_at))',
            'watched.patience_minutes'
        ) }} as due_at
    from watched
    left join untold on watched.line_id = untold.line_id

),

expected as (

    select
        due.line_id,
        min(greatest(intervals.opens_at, due.due_at)) as expected_by_at
    from due
    inner join intervals
        on
            due.branch_id = intervals.branch_id
            and {{ valid_on('due', 'intervals.local_date') }}
            and intervals.closes_at > due.due_at
    group by due.line_id

),

open_now as (

    select distinct watched.line_id
    from watched
    inner join intervals
        on
            watched.branch_id = intervals.branch_id
            and {{ valid_on('watched', 'intervals.local_date') }}
            and intervals.opens_at <= watched.watched_until_at
            and intervals.closes_at > watched.watched_until_at

),

final as (

    select
        due.line_id,
        due.branch_id,
        due.source_id,
        due.device_key,
        due.line_key,
        due.door,
        due.zone,
        due.watched_until_at,
        due.is_enabled and due.is_reported and {{ valid_on('due', 'due.watched_on') }} as is_installed,
        due.expected_hours,
        due.spoken_until_at,
        due.observed_until_at,
        due.untold_from_at,
        expected.expected_by_at,
        coalesce(expected.expected_by_at <= due.watched_until_at, false) as is_overdue,
        open_now.line_id is not null as is_open_now
    from due
    left join expected on due.line_id = expected.line_id
    left join open_now on due.line_id = open_now.line_id

)

select * from final
