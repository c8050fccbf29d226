-- How each door is, in one word: the first that fits wins, the gravest first. A silent or dead door counts nobody, one
-- that is turned or counts too many counts wrongly, a degraded one still counts.
with silences as (

    select * from {{ ref('int_doors__line_silences') }}

),

horizon as (

    select * from {{ ref('int_calendar__horizon') }}

),

hour_states as (

    select * from {{ ref('int_doors__hour_states') }}

),

told_hours as (

    select
        line_id,
        hour_start_at,
        value_state,
        dead_since_at,
        dead_expected_visits,
        row_number() over (
            partition by line_id
            order by hour_start_at desc
        ) as hours_back
    from hour_states
    where value_state in ('observed', 'observed_zero', 'partial', 'dead', 'spike', 'left_out')

),

last_hours as (

    select
        told_hours.line_id,
        told_hours.value_state,
        told_hours.dead_since_at,
        told_hours.dead_expected_visits,
        told_hours.hour_start_at
    from told_hours
    where told_hours.hours_back = 1

),

zeros as (

    select * from {{ ref('int_doors__line_zeros') }}

),

spikes as (

    select
        hour_states.line_id,
        min(hour_states.hour_start_at) as spike_since_at,
        count(*) as spike_hour_count,
        max(hour_states.told_visits) as most_visits
    from hour_states
    cross join horizon
    where
        hour_states.value_state = 'spike'
        and hour_states.local_date >= cast({{ dbt.dateadd('day', -7, 'horizon.horizon_on') }} as date)
    group by hour_states.line_id

),

directions as (

    select * from {{ ref('int_doors__line_directions') }}

),

levels as (

    select * from {{ ref('int_doors__line_levels') }}
    where is_drifting

),

faults as (

    select
        *,
        row_number() over (
            partition by source_id, device_key
            order by measured_at desc, health_metric asc
        ) as fault_rank
    from {{ ref('int_doors__door_health') }}
    where is_degraded

),

judged as (

    select
        silences.*,
        zeros.zero_since_at,
        zeros.zero_hour_count,
        zeros.left_out_visits,
        coalesce(zeros.is_dead_today, false) as is_dead_today,
        last_hours.dead_since_at,
        last_hours.dead_expected_visits,
        spikes.spike_since_at,
        spikes.spike_hour_count,
        spikes.most_visits,
        directions.recent_from_on,
        cuts.cut_minute as recent_cut_minute,
        directions.earlier_in_share,
        directions.recent_in_share,
        directions.earlier_morning_share,
        directions.recent_morning_share,
        coalesce(directions.is_flipped, false) as is_flipped,
        levels.fallen_from_on,
        fallen_cuts.cut_minute as fallen_cut_minute,
        levels.earlier_level,
        levels.recent_level,
        faults.measured_at as fault_since_at,
        faults.fault,
        faults.next_action as fault_action,
        coalesce({{ minutes_between('silences.observed_until_at', 'silences.spoken_until_at') }} > 1440, false)
            as is_filled_in,
        silences.door || ' (device ' || silences.device_key || ', source ' || silences.source_id || ')' as named,
        case
            when not silences.is_installed then 'not_installed'
            when silences.is_overdue then 'silent'
            when
                (
                    last_hours.value_state = 'dead'
                    and coalesce(zeros.last_people_at <= last_hours.hour_start_at, true)
                )
                or coalesce(zeros.is_dead_today, false)
                then 'dead'
            when coalesce(directions.is_out_of_band, false) or coalesce(directions.is_flipped, false) then 'odd_direction'
            when spikes.line_id is not null then 'spiking'
            when levels.line_id is not null then 'drifting'
            when
                faults.fault is not null
                or {{ minutes_between('silences.observed_until_at', 'silences.spoken_until_at') }} > 1440
                then 'degraded'
            when silences.spoken_until_at is null then 'waiting'
            else 'ok'
        end as door_state
    from silences
    left join zeros on silences.line_id = zeros.line_id
    left join last_hours on silences.line_id = last_hours.line_id
    left join spikes on silences.line_id = spikes.line_id
    left join directions on silences.line_id = directions.line_id
    left join {{ ref('stg_library__day_cuts') }} as cuts
        on
            silences.branch_id = cuts.branch_id
            and {{ valid_on('cuts', 'directions.recent_from_on') }}
    left join levels on silences.line_id = levels.line_id
    left join {{ ref('stg_library__day_cuts') }} as fallen_cuts
        on
            silences.branch_id = fallen_cuts.branch_id
            and {{ valid_on('fallen_cuts', 'levels.fallen_from_on') }}
    left join faults
        on
            silences.source_id = faults.source_id
            and silences.device_key = faults.device_key
            and faults.fault_rank = 1

),

worded as (

    select
        *,
        case door_state
            when 'silent' then untold_from_at
            when 'dead' then coalesce(dead_since_at, zero_since_at)
            when 'odd_direction' then {{ day_start('recent_from_on', 'zone', 'recent_cut_minute') }}
            when 'spiking' then spike_since_at
            when 'drifting' then {{ day_start('fallen_from_on', 'zone', 'fallen_cut_minute') }}
            when 'degraded' then case when is_filled_in then observed_until_at else fault_since_at end
        end as since_at,
        case
            when door_state = 'silent' and spoken_until_at is null
                then 'it has told nothing yet; expected by ' || {{ moment_text('expected_by_at', 'zone') }}
            when door_state = 'silent'
                then
                    'last told until ' || {{ moment_text('spoken_until_at', 'zone') }}
                    || '; open since ' || {{ moment_text('untold_from_at', 'zone') }}
                    || ' without a word; expected by ' || {{ moment_text('expected_by_at', 'zone') }}
            when door_state = 'dead' and is_dead_today
                then
                    'zero in ' || {{ whole_text('zero_hour_count') }} || ' open hours in a row, when about '
                    || {{ whole_text('left_out_visits') }} || ' people would have come'
            when door_state = 'dead'
                then
                    'zeros in a row, when about '
                    || {{ whole_text('dead_expected_visits') }}
                    || ' people would have come'
            when door_state = 'odd_direction' and is_flipped
                then
                    'mornings used to have a net flow of '
                    || {{ whole_text('earlier_morning_share * 100') }}
                    || ' % inwards and now have '
                    || {{ whole_text('recent_morning_share * 100') }} || ' %'
            when door_state = 'odd_direction'
                then
                    {{ whole_text('recent_in_share * 100') }}
                    || ' % of passages go in; it used to be '
                    || {{ whole_text('earlier_in_share * 100') }} || ' %'
            when door_state = 'spiking'
                then
                    {{ whole_text('spike_hour_count') }} || ' implausible hours, the largest with '
                    || {{ whole_text('most_visits') }} || ' visits'
            when door_state = 'drifting'
                then
                    'three weeks in a row it told '
                    || {{ whole_text('100 * recent_level / earlier_level') }}
                    || ' % of what it told before, beside other doors'
            when door_state = 'degraded' and is_filled_in
                then 'the vendor has filled in its counts since ' || {{ moment_text('observed_until_at', 'zone') }}
            when door_state = 'degraded' then fault
            when door_state = 'ok' then 'told until ' || {{ moment_text('spoken_until_at', 'zone') }}
            when door_state = 'waiting'
                then
                    'nothing told yet; expected by '
                    || coalesce({{ moment_text('expected_by_at', 'zone') }}, 'its first open day')
            else 'not counting on this day, by the description'
        end
        || case when door_state in ('silent', 'dead') and fault is not null then '; ' || fault else '' end as evidence,
        case door_state
            when 'silent'
                then
                    'See whether ' || named || ' is lit and connected, then run `levende ingest ' || source_id
                    || '`; if the door was closed, describe it (docs/runbooks/door-silent.md).'
            when 'dead'
                then
                    'Look at ' || named
                    || ': if it was dead, restart it and write a count decision leave_out; if nobody came, keep'
                    || ' (docs/runbooks/door-dead.md).'
            when 'odd_direction'
                then
                    'See whether ' || named || ' was turned or moved; if so, describe a new line from that day on'
                    || ' (docs/runbooks/door-silent.md).'
            when 'spiking'
                then
                    'Ask what happened at ' || named
                    || '; then write a count decision, keep or leave_out (docs/runbooks/door-dead.md).'
            when 'drifting'
                then
                    'See whether ' || named || ' is dirty, covered or moved, or people go in elsewhere; count beside it and'
                    || ' describe a calibration, or a structural break (docs/runbooks/door-dead.md).'
            when 'degraded'
                then
                    'At ' || named || ': '
                    || case
                        when is_filled_in then 'Ask the vendor why its counts are filled in, and have the counter mended.'
                        else fault_action
                    end
        end as next_action
    from judged

),

final as (

    select
        line_id,
        branch_id,
        source_id,
        device_key,
        line_key,
        door,
        door_state,
        since_at,
        spoken_until_at as last_told_at,
        case when is_installed then expected_by_at end as expected_by_at,
        is_open_now,
        evidence,
        next_action,
        watched_until_at
    from worded

)

select * from final
