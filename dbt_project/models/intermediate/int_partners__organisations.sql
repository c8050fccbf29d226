-- First acts by organisation: what was renamed, or is part of another, is not new when the other was known.
with first_acts as (

    select * from {{ ref('int_partners__first_acts') }}

),

known as (

    select distinct organisations.organisation_id
    from {{ ref('stg_library__partner_organisations') }} as organisations
    inner join {{ ref('stg_library__partners') }} as partners
        on
            partners.is_baseline
            and (
                organisations.partner_id = partners.partner_id
                or organisations.organisation_id = partners.partner_id
            )

),

ranked as (

    select
        *,
        row_number() over (
            partition by organisation_id
            order by first_act_on, first_event_id, partner_id
        ) as act_number,
        count(*) over (partition by organisation_id) as partner_count
    from first_acts

),

final as (

    select
        ranked.organisation_id,
        ranked.partner_id as first_partner_id,
        ranked.partner_count,
        known.organisation_id is not null as is_baseline,
        ranked.first_act_on,
        ranked.first_event_id,
        ranked.area_id
    from ranked
    left join known on ranked.organisation_id = known.organisation_id
    where ranked.act_number = 1

)

select * from final
