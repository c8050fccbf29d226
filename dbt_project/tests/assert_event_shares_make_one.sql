-- The shares of an event over its branches, and over its audiences, make one. A row here is an event that counts more or
-- less than once in a part: mend int_events__branch_shares or int_events__audiences.
with shares as (

    select
        event_id,
        'branch' as dimension,
        share
    from {{ ref('bridge_event_branch') }}

    union all

    select
        event_id,
        'audience' as dimension,
        share
    from {{ ref('bridge_event_audience') }}

),

dimensions as (

    select 'branch' as dimension
    union all
    select 'audience' as dimension

),

sums as (

    select
        events.event_id,
        dimensions.dimension,
        coalesce(sum(shares.share), 0) as share_sum
    from {{ ref('fct_event') }} as events
    cross join dimensions
    left join shares
        on
            events.event_id = shares.event_id
            and dimensions.dimension = shares.dimension
    group by events.event_id, dimensions.dimension

)

select * from sums
where abs(share_sum - 1) > 0.000001
