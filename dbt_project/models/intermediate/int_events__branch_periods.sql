-- Events per area, branch and period; branches without any count as an observed zero where a feed speaks for the
-- whole period. An event of two branches is half of each. Events that no rule gives to a branch stand under
-- `unassigned`, so that the parts add up: no feed speaks for that branch, so it is covered where all others of its area
-- are. A branch with nothing but what may have been held has a row too, or the area's range would lack it.
with events as (

    select
        shares.area_id,
        shares.branch_id,
        shares.share,
        events.event_id,
        events.start_on,
        events.is_countable,
        events.partner_count,
        bounds.least_count,
        bounds.area_least_count,
        bounds.most_count
    from {{ ref('int_events__branch_shares') }} as shares
    inner join {{ ref('int_events__events') }} as events on shares.event_id = events.event_id
    inner join {{ ref('int_events__count_bounds') }} as bounds on events.event_id = bounds.event_id
    where shares.area_id is not null and shares.share > 0

),

day_periods as (

    select * from {{ ref('int_calendar__day_periods') }}

),

periods as (

    select distinct
        period_kind,
        period_start,
        period_end,
        is_whole
    from day_periods

),

branch_periods as (

    select distinct
        branch_days.area_id,
        branch_days.branch_id,
        day_periods.period_kind,
        day_periods.period_start
    from {{ ref('int_library__branch_days') }} as branch_days
    inner join day_periods on branch_days.local_date = day_periods.local_date

    union

    select distinct
        events.area_id,
        events.branch_id,
        day_periods.period_kind,
        day_periods.period_start
    from events
    inner join day_periods on events.start_on = day_periods.local_date
    where events.most_count > 0

),

coverage as (

    select distinct
        branch_periods.branch_id,
        branch_periods.period_kind,
        branch_periods.period_start
    from branch_periods
    inner join periods
        on
            branch_periods.period_kind = periods.period_kind
            and branch_periods.period_start = periods.period_start
    inner join {{ ref('int_events__coverage') }} as windows
        on
            branch_periods.period_start >= windows.covers_from
            and periods.period_end <= windows.covers_to
            and coalesce(windows.branch_id, branch_periods.branch_id) = branch_periods.branch_id

),

covered as (

    select
        branch_periods.area_id,
        branch_periods.branch_id,
        branch_periods.period_kind,
        branch_periods.period_start,
        coverage.branch_id is not null as is_told_whole,
        min(case
            when branch_periods.branch_id = 'unassigned' then null
            when coverage.branch_id is not null then 1
            else 0
        end) over (
            partition by branch_periods.area_id, branch_periods.period_kind, branch_periods.period_start
        ) = 1 as is_area_told_whole
    from branch_periods
    left join coverage
        on
            branch_periods.branch_id = coverage.branch_id
            and branch_periods.period_kind = coverage.period_kind
            and branch_periods.period_start = coverage.period_start

),

attendance as (

    select
        event_id,
        attendance_count
    from {{ ref('int_events__attendance') }}
    where is_used

),

counts as (

    select
        events.area_id,
        events.branch_id,
        day_periods.period_kind,
        day_periods.period_start,
        {{ share_sum('events.share') }} as held_count,
        {{ share_sum('case when events.partner_count > 0 then events.share else 0 end') }} as with_partner_count,
        {{ share_sum('case when attendance.attendance_count is not null then events.share else 0 end') }}
            as reported_count,
        {{ share_sum('case when attendance.attendance_count >= 2 then events.share else 0 end') }} as attended_count,
        {{ share_sum('attendance.attendance_count * events.share') }} as attendance_count
    from events
    inner join day_periods on events.start_on = day_periods.local_date
    left join attendance on events.event_id = attendance.event_id
    where events.is_countable
    group by events.area_id, events.branch_id, day_periods.period_kind, day_periods.period_start

),

bounds as (

    select
        events.area_id,
        events.branch_id,
        day_periods.period_kind,
        day_periods.period_start,
        {{ share_sum('events.least_count * events.share') }} as least_count,
        {{ share_sum('events.area_least_count * events.share') }} as area_least_count,
        {{ share_sum('events.most_count * events.share') }} as most_count
    from events
    inner join day_periods on events.start_on = day_periods.local_date
    group by events.area_id, events.branch_id, day_periods.period_kind, day_periods.period_start

),

final as (

    select
        covered.area_id,
        covered.branch_id,
        covered.period_kind,
        covered.period_start,
        periods.period_end,
        periods.is_whole,
        case
            when covered.branch_id = 'unassigned' then coalesce(covered.is_area_told_whole, covered.is_told_whole)
            else covered.is_told_whole
        end as is_covered,
        coalesce(counts.held_count, 0) as held_count,
        coalesce(bounds.least_count, 0) as least_count,
        coalesce(bounds.area_least_count, 0) as area_least_count,
        coalesce(bounds.most_count, 0) as most_count,
        coalesce(counts.with_partner_count, 0) as with_partner_count,
        coalesce(counts.reported_count, 0) as reported_count,
        coalesce(counts.attended_count, 0) as attended_count,
        counts.attendance_count
    from covered
    inner join periods
        on
            covered.period_kind = periods.period_kind
            and covered.period_start = periods.period_start
    left join counts
        on
            covered.area_id = counts.area_id
            and covered.branch_id = counts.branch_id
            and covered.period_kind = counts.period_kind
            and covered.period_start = counts.period_start
    left join bounds
        on
            covered.area_id = bounds.area_id
            and covered.branch_id = bounds.branch_id
            and covered.period_kind = bounds.period_kind
            and covered.period_start = bounds.period_start

)

select * from final
