-- Exposure per branch and day. A day has 23, 24 or 25 hours, and more or fewer where its cut is moved: lengths are
-- measured in UTC.
with day_rules as (

    select * from {{ ref('int_library__day_rules') }}

),

intervals as (

    select
        branch_id,
        local_date,
        sum({{ minutes_between('opens_at', 'closes_at') }}) as open_minutes,
        sum(case when service = 'staffed' then {{ minutes_between('opens_at', 'closes_at') }} else 0 end) as staffed_minutes
    from {{ ref('int_library__open_intervals') }}
    group by branch_id, local_date

),

final as (

    select
        day_rules.branch_id,
        day_rules.local_date,
        day_rules.is_hours_known,
        case when day_rules.is_hours_known then cast(coalesce(intervals.open_minutes, 0) as double precision) end
            as open_minutes,
        case when day_rules.is_hours_known then cast(coalesce(intervals.staffed_minutes, 0) as double precision) end
            as staffed_minutes,
        day_rules.day_start_at,
        day_rules.day_end_at,
        cast({{ minutes_between('day_rules.day_start_at', 'day_rules.day_end_at') }} as double precision) as day_minutes,
        case
            when not day_rules.is_hours_known or intervals.open_minutes > 0 then null
            when day_rules.reason is not null then day_rules.reason
            else 'no regular hours on this weekday'
        end as closed_reason
    from day_rules
    left join intervals
        on
            day_rules.branch_id = intervals.branch_id
            and day_rules.local_date = intervals.local_date

)

select * from final
