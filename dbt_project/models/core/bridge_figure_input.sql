-- The way back: which receipt told what a figure is made of, by domain, date and branch.
with door_counts as (

    select
        'visits' as domain,
        start_on as subject_on,
        branch_id,
        source_id,
        receipt_id,
        blob_sha256,
        count(*) as observation_count
    from {{ ref('int_doors__mapped_observations') }}
    where line_id is not null and role = 'perimeter'
    group by start_on, branch_id, source_id, receipt_id, blob_sha256

),

sample_counts as (

    select
        'visits' as domain,
        start_on as subject_on,
        branch_id,
        source_id,
        receipt_id,
        blob_sha256,
        count(*) as observation_count
    from {{ ref('int_doors__sample_counts') }}
    group by start_on, branch_id, source_id, receipt_id, blob_sha256

),

-- Every claim of an event stands behind it, not only the one that is believed first.
events as (

    select
        'events' as domain,
        events.start_on as subject_on,
        branches.branch_id,
        occurrences.source_id,
        occurrences.receipt_id,
        occurrences.blob_sha256,
        count(*) as observation_count
    from {{ ref('int_events__events') }} as events
    inner join {{ ref('int_events__branch_shares') }} as branches
        on events.event_id = branches.event_id and branches.share > 0
    inner join {{ ref('int_events__identity') }} as identity on events.event_id = identity.event_id
    inner join {{ ref('int_events__occurrences') }} as occurrences on identity.claim_id = occurrences.occurrence_id
    where events.is_countable
    group by
        events.start_on, branches.branch_id, occurrences.source_id, occurrences.receipt_id, occurrences.blob_sha256

),

attendance as (

    select
        'events' as domain,
        events.start_on as subject_on,
        branches.branch_id,
        reports.source_id,
        reports.receipt_id,
        reports.blob_sha256,
        count(*) as observation_count
    from {{ ref('int_events__attendance') }} as reports
    inner join {{ ref('int_events__events') }} as events on reports.event_id = events.event_id
    inner join {{ ref('int_events__branch_shares') }} as branches
        on events.event_id = branches.event_id and branches.share > 0
    where events.is_countable and reports.is_used
    group by events.start_on, branches.branch_id, reports.source_id, reports.receipt_id, reports.blob_sha256

),

partner_acts as (

    select
        'partners' as domain,
        events.start_on as subject_on,
        branches.branch_id,
        events.source_id,
        events.receipt_id,
        events.blob_sha256,
        count(*) as observation_count
    from (
        select first_event_id from {{ ref('int_partners__organisations') }}
        union
        select first_event_id from {{ ref('int_partners__units') }}
    ) as first_acts
    inner join {{ ref('int_events__events') }} as events on first_acts.first_event_id = events.event_id
    inner join {{ ref('int_events__branch_shares') }} as branches
        on events.event_id = branches.event_id and branches.share > 0
    group by events.start_on, branches.branch_id, events.source_id, events.receipt_id, events.blob_sha256

),

post_branches as (

    select
        account_id,
        post_id,
        branch_id
    from {{ ref('int_social__post_branches') }}

),

social as (

    select
        'social' as domain,
        observed_on as subject_on,
        cast(null as {{ dbt.type_string() }}) as branch_id,
        source_id,
        receipt_id,
        blob_sha256
    from {{ ref('int_social__snapshots') }}

    union all

    select
        'social' as domain,
        posts.posted_on as subject_on,
        post_branches.branch_id,
        posts.source_id,
        posts.receipt_id,
        posts.blob_sha256
    from {{ ref('int_social__posts') }} as posts
    left join post_branches
        on
            posts.account_id = post_branches.account_id
            and posts.post_id = post_branches.post_id

    union all

    select
        'social' as domain,
        posts.posted_on as subject_on,
        post_branches.branch_id,
        metrics.source_id,
        metrics.receipt_id,
        metrics.blob_sha256
    from {{ ref('int_social__post_metrics') }} as metrics
    inner join {{ ref('int_social__posts') }} as posts
        on
            metrics.account_id = posts.account_id
            and metrics.post_id = posts.post_id
    left join post_branches
        on
            posts.account_id = post_branches.account_id
            and posts.post_id = post_branches.post_id

    union all

    select
        'social' as domain,
        metric_on as subject_on,
        cast(null as {{ dbt.type_string() }}) as branch_id,
        source_id,
        receipt_id,
        blob_sha256
    from {{ ref('int_social__account_metrics') }}
    where metric = 'reach' and breakdown = '' and window_days = 28

),

final as (

    select * from door_counts
    union all
    select * from sample_counts
    union all
    select
        domain,
        subject_on,
        branch_id,
        source_id,
        receipt_id,
        blob_sha256,
        cast(sum(observation_count) as {{ dbt.type_bigint() }}) as observation_count
    from (
        select * from events
        union all
        select * from attendance
    ) as told
    group by domain, subject_on, branch_id, source_id, receipt_id, blob_sha256
    union all
    select * from partner_acts
    union all
    select
        domain,
        subject_on,
        branch_id,
        source_id,
        receipt_id,
        blob_sha256,
        count(*) as observation_count
    from social
    group by domain, subject_on, branch_id, source_id, receipt_id, blob_sha256

)

select * from final
