-- Of two events that may be one, the one that nobody reports on while the other is reported: whether it is the same or was
-- never held, it is no event of its own. At another branch only if who reports lists four of five of what that branch had.
with reported as (

    select * from {{ ref('int_events__reported') }}

),

pairs as (

    select
        event_id,
        other_event_id,
        is_same_branch
    from {{ ref('int_events__doubtful_pairs') }}
    union all
    select
        other_event_id as event_id,
        event_id as other_event_id,
        is_same_branch
    from {{ ref('int_events__doubtful_pairs') }}

),

final as (

    select
        pairs.event_id,
        min(pairs.other_event_id) as other_event_id
    from pairs
    inner join {{ ref('int_events__holdings') }} as holdings on pairs.event_id = holdings.event_id
    inner join reported on pairs.other_event_id = reported.event_id and not reported.is_reported_cancelled
    left join reported as own_reports on pairs.event_id = own_reports.event_id
    left join {{ ref('int_events__report_months') }} as months
        on
            holdings.owner_branch_id = months.branch_id
            and cast({{ dbt.date_trunc('month', 'holdings.start_on') }} as date) = months.month_start
    where
        own_reports.event_id is null
        and (
            pairs.is_same_branch
            or (months.event_count >= 3 and months.reported_count * 5 >= months.event_count * 4)
        )
    group by pairs.event_id

)

select * from final
