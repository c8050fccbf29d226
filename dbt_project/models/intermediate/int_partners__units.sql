-- First acts by named unit: a renamed unit is one; what it is part of is another, and makes it neither known nor new.
with acts as (

    select
        *,
        row_number() over (
            partition by unit_id
            order by acted_on, event_id, partner_id
        ) as act_number
    from {{ ref('int_partners__acts') }}

),

known as (

    select distinct unit_id
    from {{ ref('stg_library__partners') }}
    where is_baseline

),

final as (

    select
        acts.unit_id,
        acts.partner_id as first_partner_id,
        acts.organisation_id as first_organisation_id,
        known.unit_id is not null as is_baseline,
        acts.acted_on as first_act_on,
        acts.event_id as first_event_id,
        acts.area_id
    from acts
    left join known on acts.unit_id = known.unit_id
    where acts.act_number = 1

)

select * from final
