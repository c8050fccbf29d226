-- One row per real holding. Until several feeds tell of one programme, every occurrence is a holding of its own;
-- match_rule says so, and this is the one place that changes when claims are matched across feeds.
with occurrences as (

    select * from {{ ref('int_events__occurrences') }}

),

owners as (

    select * from {{ ref('int_events__owner_branches') }}

),

rules as (

    select * from {{ ref('int_events__count_rules') }}

),

partner_counts as (

    select
        occurrence_id,
        count(distinct partner_id) as partner_count
    from {{ ref('int_events__partner_claims') }}
    group by occurrence_id

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
        occurrences.occurrence_id,
        max(areas.area_id) as area_id
    from occurrences
    inner join areas on {{ valid_on('areas', 'occurrences.start_on') }}
    group by occurrences.occurrence_id
    having count(*) = 1

),

final as (

    select
        occurrences.occurrence_id as event_id,
        'single_claim' as match_rule,
        occurrences.source_id,
        occurrences.series_id,
        occurrences.slot,
        occurrences.title,
        occurrences.start_at,
        occurrences.end_at,
        occurrences.start_on,
        occurrences.end_on,
        coalesce(memberships.area_id, only_area.area_id) as area_id,
        coalesce(owners.owner_branch_id, 'unassigned') as owner_branch_id,
        coalesce(owners.owner_rule, 'none') as owner_rule,
        occurrences.location as venue,
        occurrences.status,
        rules.kind,
        rules.is_countable,
        rules.count_reason,
        coalesce(partner_counts.partner_count, 0) as partner_count,
        occurrences.receipt_id,
        occurrences.blob_sha256
    from occurrences
    inner join rules on occurrences.occurrence_id = rules.occurrence_id
    left join owners on occurrences.occurrence_id = owners.occurrence_id
    left join memberships
        on
            owners.owner_branch_id = memberships.branch_id
            and {{ valid_on('memberships', 'occurrences.start_on') }}
    left join partner_counts on occurrences.occurrence_id = partner_counts.occurrence_id
    left join only_area on occurrences.occurrence_id = only_area.occurrence_id

)

select * from final
