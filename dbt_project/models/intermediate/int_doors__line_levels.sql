-- Whether a line still counts as many people as other doors let expect: its last three whole weeks beside its own eight
-- weeks before. A lens that gets dirty, a battery that gives up and a beam that is bent by a trolley count fewer every
-- week and never zero. A week's level is what the line told of what it usually tells in those hours, over the same of the
-- other doors of its branch, or of all other doors where it has none: a town that stays at home lowers them alike. Only
-- ordinary hours that were told whole are compared, so closures, holidays and outages change no level, and weeks before a
-- structural break or the line's installation have no part in it.
with horizon as (

    select * from {{ ref('int_calendar__horizon') }}

),

told as (

    select
        hour_states.line_id,
        hour_states.branch_id,
        hour_states.segment_number,
        {{ period_start('week', 'hour_states.local_date') }} as monday_on,
        -- a calibrated line has its level back
        hour_states.visits * coalesce(line_factors.calibration_factor, 1) as visits,
        hour_states.usual_visits_per_minute * hour_states.expected_minutes as usual_visits
    from {{ ref('int_doors__hour_states') }} as hour_states
    cross join horizon
    left join {{ ref('int_doors__line_factors') }} as line_factors
        on
            hour_states.line_id = line_factors.line_id
            and hour_states.local_date = line_factors.local_date
    where
        hour_states.is_comparable
        and hour_states.usual_visits_per_minute is not null
        and hour_states.local_date < {{ period_start('week', 'horizon.horizon_on') }}
        and hour_states.local_date >= {{ dbt.dateadd('day', -77, period_start('week', 'horizon.horizon_on')) }}

),

line_weeks as (

    select
        line_id,
        branch_id,
        segment_number,
        monday_on,
        {{ exact_sum("visits") }} as visits,
        {{ exact_sum("usual_visits") }} as usual_visits
    from told
    group by line_id, branch_id, segment_number, monday_on

),

others as (

    select
        one.line_id,
        one.segment_number,
        one.monday_on,
        one.visits,
        one.usual_visits,
        {{ exact_sum("case when other.branch_id = one.branch_id then other.visits end") }} as sister_visits,
        {{ exact_sum("case when other.branch_id = one.branch_id then other.usual_visits end") }} as sister_usual_visits,
        {{ exact_sum("other.visits") }} as all_visits,
        {{ exact_sum("other.usual_visits") }} as all_usual_visits
    from line_weeks as one
    inner join line_weeks as other
        on
            one.monday_on = other.monday_on
            and one.line_id <> other.line_id
    -- few people say little
    where one.usual_visits >= 30
    group by one.line_id, one.segment_number, one.monday_on, one.visits, one.usual_visits

),

levels as (

    select
        line_id,
        segment_number,
        monday_on,
        visits / usual_visits
        / case when sister_usual_visits >= 30 then sister_visits / sister_usual_visits else all_visits / all_usual_visits end
            as level,
        max(segment_number) over (partition by line_id) as last_segment_number,
        row_number() over (
            partition by line_id
            order by monday_on desc
        ) as weeks_back
    from others
    where
        (sister_usual_visits >= 30 and sister_visits > 0)
        or (coalesce(sister_usual_visits, 0) < 30 and all_usual_visits >= 30 and all_visits > 0)

),

sums as (

    select
        line_id,
        count(case when weeks_back > 3 then 1 end) as earlier_week_count,
        avg(case when weeks_back > 3 then level end) as earlier_level,
        coalesce(stddev_samp(case when weeks_back > 3 then level end), 0) as level_spread,
        count(case when weeks_back <= 3 then 1 end) as recent_week_count,
        max(case when weeks_back <= 3 then level end) as highest_recent_level,
        avg(case when weeks_back <= 3 then level end) as recent_level,
        min(case when weeks_back <= 3 then monday_on end) as fallen_from_on,
        max(monday_on) as last_monday_on
    from levels
    where segment_number = last_segment_number
    group by line_id

),

final as (

    select
        sums.line_id,
        sums.fallen_from_on,
        sums.earlier_level,
        sums.recent_level,
        sums.earlier_week_count >= 6
        and sums.recent_week_count = 3
        and sums.last_monday_on >= {{ dbt.dateadd('day', -7, period_start('week', 'horizon.horizon_on')) }}
        and sums.highest_recent_level
        < sums.earlier_level - greatest({{ var('drift_share') }} * sums.earlier_level, 3 * sums.level_spread) as is_drifting
    from sums
    cross join horizon

)

select * from final
