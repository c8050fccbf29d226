-- First acts by organisation: what was renamed, or is part of another, is not new when the other was known. Which
-- organisation a unit is part of is read on the day of the act.
with acts as (

    select * from {{ ref('int_partners__acts') }}

),

-- Whoever stands on the list is known, and so is what it is part of, from the day on which it became part of it.
known as (

    select
        organisations.organisation_id,
        min(coalesce(organisations.valid_from, cast('0001-01-01' as date))) as known_from
    from {{ ref('stg_library__partner_organisations') }} as organisations
    inner join {{ ref('stg_library__partners') }} as partners
        on
            partners.is_baseline
            and organisations.partner_id = partners.partner_id
    group by organisations.organisation_id

    union all

    select
        partner_id as organisation_id,
        cast('0001-01-01' as date) as known_from
    from {{ ref('stg_library__partners') }}
    where is_baseline

),

known_from as (

    select
        organisation_id,
        min(known_from) as known_from
    from known
    group by organisation_id

),

counts as (

    select
        organisation_id,
        count(distinct partner_id) as partner_count
    from acts
    group by organisation_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by organisation_id
            order by acted_on, event_id, partner_id
        ) as act_number
    from acts

),

final as (

    select
        ranked.organisation_id,
        ranked.partner_id as first_partner_id,
        counts.partner_count,
        coalesce(known_from.known_from <= ranked.acted_on, false) as is_baseline,
        ranked.acted_on as first_act_on,
        ranked.event_id as first_event_id,
        ranked.area_id
    from ranked
    inner join counts on ranked.organisation_id = counts.organisation_id
    left join known_from on ranked.organisation_id = known_from.organisation_id
    where ranked.act_number = 1

)

select * from final
