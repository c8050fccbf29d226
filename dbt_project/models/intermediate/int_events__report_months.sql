-- Of the events of a branch and month that are over and that no feed took out or called off: how many, and how many of
-- them somebody reports on.
with claims as (

    select
        identity.event_id,
        occurrences.status,
        occurrences.end_at,
        cast({{ dbt.date_trunc('month', 'occurrences.start_on') }} as date) as month_start,
        owners.owner_branch_id,
        row_number() over (
            partition by identity.event_id
            order by case when owners.owner_branch_id is null then 1 else 0 end, identity.source_rank, identity.claim_id
        ) as belief
    from {{ ref('int_events__identity') }} as identity
    inner join {{ ref('int_events__occurrences') }} as occurrences on identity.claim_id = occurrences.occurrence_id
    left join {{ ref('int_events__owner_branches') }} as owners on identity.claim_id = owners.occurrence_id
    where not identity.is_superseded

),

untouched as (

    select
        event_id,
        max(case when belief = 1 then month_start end) as month_start,
        max(case when belief = 1 then owner_branch_id end) as branch_id
    from claims
    group by event_id
    having
        max(case when status in ('cancelled', 'withdrawn', 'postponed') then 1 else 0 end) = 0
        and max(end_at) <= {{ as_of() }}

),

final as (

    select
        untouched.branch_id,
        untouched.month_start,
        count(*) as event_count,
        count(reported.event_id) as reported_count
    from untouched
    left join {{ ref('int_events__reported') }} as reported on untouched.event_id = reported.event_id
    where untouched.branch_id is not null
    group by untouched.branch_id, untouched.month_start

)

select * from final
