-- What each device last said of itself, and whether that asks for somebody. Where a device has several sending agents,
-- their counters are added. Vendors' words are not interpreted, except those that name a fault.
with tellings as (

    select
        *,
        row_number() over (
            partition by source_id, device_key, metric, observed_at, pointer
            order by receipt_id desc
        ) as telling_rank
    from {{ ref('stg_doors__health') }}
    where observed_at <= {{ plus_minutes(as_of(), '60') }}

),

moments as (

    select
        source_id,
        device_key,
        metric as health_metric,
        observed_at as measured_at,
        max(received_at) as received_at,
        case when metric in ('dropped_packages_count', 'failed_sendings_count') then sum(value) else max(value) end
            as health_value,
        max(text) as health_text
    from tellings
    where telling_rank = 1
    group by source_id, device_key, metric, observed_at

),

ordered as (

    select
        *,
        lag(health_value) over (
            partition by source_id, device_key, health_metric
            order by measured_at
        ) as earlier_value,
        row_number() over (
            partition by source_id, device_key, health_metric
            order by measured_at desc
        ) as moment_rank
    from moments

),

latest as (

    select
        *,
        {{ minutes_between('measured_at', as_of()) }} as age_minutes
    from ordered
    where moment_rank = 1

),

judged as (

    select
        *,
        case
            -- a level holds until the next message, a week at most
            when age_minutes > 10080 then null
            when health_metric = 'battery_share' and health_value < {{ var('low_battery_share') }}
                then 'its battery is at ' || {{ whole_text('health_value * 100') }} || ' %'
            when
                health_metric in ('clock_offset_seconds', 'ntp_rms_offset_seconds')
                and abs(health_value) > {{ var('clock_offset_seconds') }}
                then
                    'its clock is off by '
                    || {{ whole_text('abs(health_value) / 60') }} || ' minutes'
            when health_metric = 'illumination' and upper(health_text) not in ('SUFFICIENT', 'OK')
                then 'it says of its light: ' || health_text
            when
                health_metric in ('device_state', 'time_state', 'network_state')
                and {{ matches('lower(health_text)', "'error|fail|fault|block|disconnect|unsync|not.?sync'") }}
                then 'it says of its ' || replace(health_metric, '_state', '') || ': ' || health_text
            -- an alarm has no all-clear, and a counter only grows: a day without another one ends them
            when age_minutes > 1440 then null
            when health_metric in ('occlusion_alarm', 'infrared_blocked', 'receiver_disturbance') and health_value > 0
                then 'something stands before it (' || health_metric || ')'
            when health_metric in ('dropped_packages_count', 'failed_sendings_count') and health_value > earlier_value
                then
                    'it lost '
                    || {{ whole_text('health_value - earlier_value') }}
                    || ' messages (' || health_metric || ')'
        end as fault
    from latest

),

final as (

    select
        source_id,
        device_key,
        health_metric,
        measured_at,
        received_at,
        health_value,
        health_text,
        earlier_value,
        fault is not null as is_degraded,
        fault,
        case
            when fault is null then null
            when health_metric = 'battery_share' then 'Change its battery.'
            when health_metric in ('clock_offset_seconds', 'ntp_rms_offset_seconds', 'time_state')
                then 'Set its time server and zone; counts told by a wrong clock stand in the wrong hour.'
            when health_metric = 'illumination' then 'See whether the lamp over the door works.'
            when health_metric in ('occlusion_alarm', 'infrared_blocked', 'receiver_disturbance')
                then 'Take away what stands before it: a poster, a plant, a trolley.'
            when health_metric in ('dropped_packages_count', 'failed_sendings_count')
                then 'Set it to send again what could not be sent, and see whether the network between it and us holds.'
            else 'Look at the device''s own page, and restart it if it says no more.'
        end as next_action
    from judged

)

select * from final
