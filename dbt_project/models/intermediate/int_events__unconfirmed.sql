-- Events that count though a source of the library's own that tells nearly all of their branch's year lacks them: it lacks
-- a tenth at most, or two, of eight or more, in the months of which it tells anything there. Each is perhaps another one by
-- a name or place that no rule could match, or was not held. A source that lists what others hold is no witness.
with events as (

    select
        event_id,
        owner_branch_id as branch_id,
        cast({{ dbt.date_trunc('month', 'start_on') }} as date) as month_start,
        cast({{ dbt.date_trunc('year', 'start_on') }} as date) as year_start
    from {{ ref('int_events__events') }}
    where is_countable and owner_branch_id <> 'unassigned'

),

told as (

    select distinct
        identity.event_id,
        identity.source_id
    from {{ ref('int_events__identity') }} as identity
    inner join {{ ref('stg_library__sources') }} as sources on identity.source_id = sources.source_id
    where not sources.is_aggregator

),

answered as (

    select distinct
        told.source_id,
        events.branch_id,
        events.month_start
    from told
    inner join events on told.event_id = events.event_id

),

expected as (

    select
        events.event_id,
        events.branch_id,
        events.year_start,
        answered.source_id,
        told.event_id is not null as is_told
    from events
    inner join answered on events.branch_id = answered.branch_id and events.month_start = answered.month_start
    left join told on events.event_id = told.event_id and answered.source_id = told.source_id

),

usual as (

    select
        source_id,
        branch_id,
        year_start,
        count(*) as branch_event_count,
        sum(case when is_told then 1 else 0 end) as told_by_source_count
    from expected
    group by source_id, branch_id, year_start
    having
        count(*) >= 8
        and sum(case when is_told then 0 else 1 end) <= case when count(*) >= 20 then count(*) / 10.0 else 2 end

),

final as (

    select
        expected.event_id,
        expected.source_id,
        usual.told_by_source_count,
        usual.branch_event_count
    from expected
    inner join usual
        on
            expected.source_id = usual.source_id
            and expected.branch_id = usual.branch_id
            and expected.year_start = usual.year_start
    where not expected.is_told

)

select * from final
