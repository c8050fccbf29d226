-- Of two events that may be one, the one that nobody reports on while the other is reported: whether it is the same or was
-- never held, it is no event of its own. At another branch only if who reports lists four of five of what that branch had.
with reported as (

    select * from {{ ref('int_events__reported') }}

),

rules as (

    select * from {{ ref('int_events__count_rules') }}
    where is_countable

),

final as (

    select
        rivals.event_id,
        min(rivals.other_event_id) as other_event_id
    from {{ ref('int_events__rivals') }} as rivals
    inner join rules on rivals.event_id = rules.event_id
    inner join rules as other_rules on rivals.other_event_id = other_rules.event_id
    inner join {{ ref('int_events__holdings') }} as holdings on rivals.event_id = holdings.event_id
    inner join reported on rivals.other_event_id = reported.event_id and not reported.is_reported_cancelled
    left join reported as own_reports on rivals.event_id = own_reports.event_id
    left join {{ ref('int_events__report_months') }} as months
        on
            holdings.owner_branch_id = months.branch_id
            and cast({{ dbt.date_trunc('month', 'holdings.start_on') }} as date) = months.month_start
    where
        own_reports.event_id is null
        and (
            rivals.is_same_branch
            or (months.event_count >= 3 and months.reported_count * 5 >= months.event_count * 4)
        )
    group by rivals.event_id

)

select * from final
