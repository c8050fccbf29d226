-- Every dated act of cooperation: a held event at which a partner is named, with the organisation that it was part of then.
with claims as (

    select
        event_id,
        partner_id,
        min(organisation_id) as organisation_id,
        min(unit_id) as unit_id,
        min(partner_claim) as partner_claim,
        max(case when is_registered then 1 else 0 end) = 1 as is_registered
    from {{ ref('int_events__partner_claims') }}
    group by event_id, partner_id

),

events as (

    select * from {{ ref('int_events__events') }}
    where is_countable and area_id is not null

),

registry as (

    select * from {{ ref('stg_library__partners') }}

),

final as (

    select
        claims.partner_id,
        claims.organisation_id,
        claims.unit_id,
        coalesce(registry.partner_name, claims.partner_claim) as partner_name,
        claims.is_registered,
        coalesce(registry.is_baseline, false) as is_baseline,
        events.event_id,
        events.area_id,
        events.start_on as acted_on,
        events.start_at as acted_at
    from claims
    inner join events on claims.event_id = events.event_id
    left join registry on claims.partner_id = registry.partner_id

)

select * from final
