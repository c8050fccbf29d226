-- Which branches an event stands for, and with how much of it. Two branches that hold an event together are half of it
-- each, so that branches add up to their area and areas to all there is. The venue's branch, where another answers for
-- the event, stands beside them with nothing.
with events as (

    select * from {{ ref('int_events__events') }}

),

memberships as (

    select * from {{ ref('stg_library__branch_areas') }}

),

aliases as (

    select
        aliases.branch_id,
        {{ plain_words('aliases.alias') }} as alias,
        branches.valid_from,
        branches.valid_to
    from {{ ref('stg_library__branch_aliases') }} as aliases
    inner join {{ ref('stg_library__branches') }} as branches on aliases.branch_id = branches.branch_id

),

claims as (

    select
        identity.event_id,
        identity.claim_id,
        identity.source_rank,
        occurrences.source_id,
        occurrences.series_id,
        occurrences.slot,
        occurrences.start_on,
        occurrences.categories,
        owners.owner_branch_id,
        owners.owner_rule
    from {{ ref('int_events__identity') }} as identity
    inner join {{ ref('int_events__occurrences') }} as occurrences on identity.claim_id = occurrences.occurrence_id
    left join {{ ref('int_events__owner_branches') }} as owners on identity.claim_id = owners.occurrence_id

),

decided as (

    select distinct
        claims.event_id,
        decisions.branch_id
    from {{ ref('stg_library__event_decisions') }} as decisions
    inner join claims
        on
            decisions.source_id = claims.source_id
            and decisions.series_id = claims.series_id
            and decisions.slot = claims.slot
    where decisions.verdict = 'host_branch'

),

-- The claim whose categories gave the event its owner: only there do several names mean several hosts. A venue's address
-- may name a branch that has nothing to do with it.
naming as (

    select
        claims.*,
        row_number() over (partition by claims.event_id order by claims.source_rank, claims.claim_id) as claim_choice
    from claims
    inner join events
        on
            claims.event_id = events.event_id
            and claims.source_id = events.owner_source_id
            and claims.owner_branch_id = events.owner_branch_id
    where claims.owner_rule = 'categories' and events.owner_rule = 'categories'

),

items as (

    select
        event_id,
        start_on,
        {{ split_rows('categories') }} as category
    from naming
    where claim_choice = 1

),

items_as_words as (

    select distinct
        event_id,
        start_on,
        category,
        {{ plain_words('category') }} as words
    from items

),

-- Each category names one branch at most, the longest name: "Moa bibliotek, Ålesund" is Moa.
ticked as (

    select
        items_as_words.event_id,
        aliases.branch_id,
        row_number() over (
            partition by items_as_words.event_id, items_as_words.category
            order by length(aliases.alias) desc, aliases.branch_id asc
        ) as alias_choice
    from items_as_words
    inner join aliases
        on
            {{ dbt.position('aliases.alias', 'items_as_words.words') }} > 0
            and {{ valid_on('aliases', 'items_as_words.start_on') }}

),

hosts as (

    select
        event_id,
        branch_id,
        'decided' as host_rule
    from decided

    union all

    select distinct
        ticked.event_id,
        ticked.branch_id,
        'categories' as host_rule
    from ticked
    left join decided on ticked.event_id = decided.event_id
    where ticked.alias_choice = 1 and decided.event_id is null

),

named as (

    select
        events.event_id,
        events.owner_branch_id as branch_id,
        'owner' as branch_role,
        events.owner_rule as branch_rule
    from events

    union all

    select
        hosts.event_id,
        hosts.branch_id,
        'host' as branch_role,
        hosts.host_rule as branch_rule
    from hosts
    inner join events on hosts.event_id = events.event_id
    where hosts.branch_id <> events.owner_branch_id

),

shared as (

    select
        *,
        cast(1.0 as double precision) / count(*) over (partition by event_id) as share
    from named

),

venues as (

    select
        event_id,
        start_on,
        {{ plain_words('venue') }} as words
    from events
    where venue is not null

),

venue_branches as (

    select
        venues.event_id,
        aliases.branch_id,
        shared.event_id is not null as is_host,
        row_number() over (
            partition by venues.event_id
            order by
                case when shared.event_id is not null then 0 else 1 end,
                length(aliases.alias) desc, aliases.branch_id asc
        ) as alias_choice
    from venues
    inner join aliases
        on
            {{ dbt.position('aliases.alias', 'venues.words') }} > 0
            and {{ valid_on('aliases', 'venues.start_on') }}
    left join shared
        on
            venues.event_id = shared.event_id
            and aliases.branch_id = shared.branch_id

),

all_roles as (

    select
        event_id,
        branch_id,
        branch_role,
        branch_rule,
        share
    from shared

    union all

    select
        event_id,
        branch_id,
        'venue' as branch_role,
        'venue' as branch_rule,
        cast(0.0 as double precision) as share
    from venue_branches
    where alias_choice = 1 and not is_host

),

final as (

    select
        all_roles.event_id,
        all_roles.branch_id,
        coalesce(memberships.area_id, events.area_id) as area_id,
        all_roles.branch_role,
        all_roles.branch_rule,
        all_roles.share
    from all_roles
    inner join events on all_roles.event_id = events.event_id
    left join memberships
        on
            all_roles.branch_id = memberships.branch_id
            and {{ valid_on('memberships', 'events.start_on') }}

)

select * from final
