-- Whether a line's directions are what they always were: the share of people going in over its last five days, and the
-- net flow of its mornings, beside its own eight weeks before. A counter that was turned or remounted shows here.
with horizon as (

    select * from {{ ref('int_calendar__horizon') }}

),

hours as (

    select
        line_hours.line_id,
        line_hours.local_date,
        line_hours.in_count,
        line_hours.out_count,
        row_number() over (
            partition by line_hours.line_id, line_hours.local_date
            order by line_hours.hour_start_at
        ) as open_hour_number
    from {{ ref('int_doors__line_hours') }} as line_hours
    inner join {{ ref('int_doors__hour_states') }} as hour_states
        on
            line_hours.line_id = hour_states.line_id
            and line_hours.hour_start_at = hour_states.hour_start_at
    cross join horizon
    where
        hour_states.rule = 'mean_in_out'
        and hour_states.value_state in ('observed', 'observed_zero', 'partial')
        and line_hours.local_date >= cast({{ dbt.dateadd('day', -70, 'horizon.horizon_on') }} as date)

),

days as (

    select
        line_id,
        local_date,
        sum(in_count) as in_count,
        sum(in_count + out_count) as passage_count,
        sum(case when open_hour_number <= 2 then in_count - out_count else 0 end) as morning_net_count,
        sum(case when open_hour_number <= 2 then in_count + out_count else 0 end) as morning_passage_count
    from hours
    group by line_id, local_date
    having sum(in_count + out_count) >= 20

),

numbered as (

    select
        *,
        cast(in_count as double precision) / passage_count as in_share,
        row_number() over (
            partition by line_id
            order by local_date desc
        ) as days_back
    from days

),

sums as (

    select
        line_id,
        count(case when days_back > 5 then 1 end) as earlier_day_count,
        avg(case when days_back > 5 then in_share end) as earlier_in_share,
        stddev_samp(case when days_back > 5 then in_share end) as in_share_spread,
        min(case when days_back <= 5 then local_date end) as recent_from_on,
        sum(case when days_back <= 5 then passage_count else 0 end) as recent_passage_count,
        cast(sum(case when days_back <= 5 then in_count else 0 end) as double precision)
        / sum(case when days_back <= 5 then passage_count else 0 end) as recent_in_share,
        sum(case when days_back <= 5 then morning_passage_count else 0 end) as recent_morning_count,
        sum(case when days_back > 5 then morning_passage_count else 0 end) as earlier_morning_count,
        cast(sum(case when days_back <= 5 then morning_net_count else 0 end) as double precision)
        / nullif(sum(case when days_back <= 5 then morning_passage_count else 0 end), 0) as recent_morning_share,
        cast(sum(case when days_back > 5 then morning_net_count else 0 end) as double precision)
        / nullif(sum(case when days_back > 5 then morning_passage_count else 0 end), 0) as earlier_morning_share
    from numbered
    group by line_id

),

final as (

    select
        line_id,
        recent_from_on,
        earlier_in_share,
        recent_in_share,
        earlier_morning_share,
        recent_morning_share,
        earlier_day_count >= 14
        and recent_passage_count >= 100
        -- three days' worth of its own spread, and never less than five in a hundred
        and abs(recent_in_share - earlier_in_share) > greatest(0.05, 3 * in_share_spread) as is_out_of_band,
        coalesce(
            earlier_day_count >= 14
            and recent_morning_count >= 30
            and earlier_morning_count >= 30
            and (
                (earlier_morning_share >= 0.1 and recent_morning_share <= -0.1)
                or (earlier_morning_share <= -0.1 and recent_morning_share >= 0.1)
            ),
            false
        ) as is_flipped
    from sums

)

select * from final
