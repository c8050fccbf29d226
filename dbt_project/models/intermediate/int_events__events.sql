-- One row per real holding, with its owner, place, organiser and audience as facts of their own, and whether it counts.
with holdings as (

    select * from {{ ref('int_events__holdings') }}

),

rules as (

    select * from {{ ref('int_events__count_rules') }}

),

partner_counts as (

    select
        event_id,
        count(distinct partner_id) as partner_count
    from {{ ref('int_events__partner_claims') }}
    group by event_id

),

memberships as (

    select * from {{ ref('stg_library__branch_areas') }}

),

areas as (

    select * from {{ ref('stg_library__areas') }}

),

-- An event without a branch still belongs to the area when there is only one it could belong to.
only_area as (

    select
        holdings.event_id,
        max(areas.area_id) as area_id
    from holdings
    inner join areas on {{ valid_on('areas', 'holdings.start_on') }}
    group by holdings.event_id
    having count(*) = 1

),

audiences as (

    select
        event_id,
        case when count(*) = 1 then min(audience) else 'several' end as audience,
        min(audience_basis) as audience_basis
    from {{ ref('int_events__audiences') }}
    group by event_id

),

venues as (

    select
        event_id,
        {{ plain_words('venue') }} as venue
    from holdings
    where venue is not null

),

online_words as (

    select {{ plain_words('word') }} as word
    from {{ ref('stg_library__event_words') }}
    where kind = 'online'

),

aliases as (

    select distinct {{ plain_words('alias') }} as alias
    from {{ ref('stg_library__branch_aliases') }}

),

online as (

    select distinct venues.event_id
    from venues
    inner join online_words on {{ dbt.position('online_words.word', 'venues.venue') }} > 0

),

branch_venues as (

    select distinct venues.event_id
    from venues
    inner join aliases on {{ dbt.position('aliases.alias', 'venues.venue') }} > 0

),

final as (

    select
        holdings.event_id,
        holdings.match_rule,
        holdings.claim_count,
        holdings.source_count,
        holdings.source_id,
        holdings.series_id,
        holdings.slot,
        holdings.title,
        holdings.title_source_id,
        holdings.start_at,
        holdings.end_at,
        holdings.start_on,
        holdings.end_on,
        holdings.has_time,
        holdings.start_rule,
        holdings.original_start_at,
        coalesce(memberships.area_id, only_area.area_id) as area_id,
        coalesce(holdings.owner_branch_id, 'unassigned') as owner_branch_id,
        coalesce(holdings.owner_rule, 'none') as owner_rule,
        holdings.owner_source_id,
        holdings.venue,
        case
            when holdings.venue is null then 'not_told'
            when online.event_id is not null then 'online'
            when branch_venues.event_id is not null then 'on_site'
            else 'off_site'
        end as place,
        case
            when holdings.venue is null then 'no_venue'
            when online.event_id is not null then 'online_word'
            when branch_venues.event_id is not null then 'branch_name'
            else 'other_venue'
        end as place_rule,
        holdings.status,
        holdings.status_rule,
        rules.kind,
        coalesce(rules.kind_rule, 'none') as kind_rule,
        case
            when rules.organiser is not null then rules.organiser
            when partner_counts.partner_count > 0 then 'with_partner'
            else 'own'
        end as organiser,
        case
            when rules.organiser_rule is not null then rules.organiser_rule
            when partner_counts.partner_count > 0 then 'partner_named'
            else 'no_partner_named'
        end as organiser_rule,
        audiences.audience,
        audiences.audience_basis as audience_rule,
        rules.is_countable and unreported.event_id is null as is_countable,
        case
            when rules.is_countable and unreported.event_id is not null
                then 'perhaps another one, and who reports attendance lists only that'
            else rules.count_reason
        end as count_reason,
        coalesce(partner_counts.partner_count, 0) as partner_count,
        holdings.first_told_at,
        holdings.last_changed_at,
        holdings.late_change,
        holdings.has_withdrawn_claim,
        holdings.has_cancelled_claim,
        holdings.receipt_id,
        holdings.blob_sha256
    from holdings
    inner join rules on holdings.event_id = rules.event_id
    left join {{ ref('int_events__unreported') }} as unreported
        on holdings.event_id = unreported.event_id and rules.count_reason = 'held'
    left join memberships
        on
            holdings.owner_branch_id = memberships.branch_id
            and {{ valid_on('memberships', 'holdings.start_on') }}
    left join partner_counts on holdings.event_id = partner_counts.event_id
    left join only_area on holdings.event_id = only_area.event_id
    inner join audiences on holdings.event_id = audiences.event_id
    left join online on holdings.event_id = online.event_id
    left join branch_venues on holdings.event_id = branch_venues.event_id

)

select * from final
