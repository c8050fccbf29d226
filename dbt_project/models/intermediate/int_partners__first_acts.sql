-- A partner's first dated act of cooperation, over all time that the feeds tell of.
with claims as (

    select * from {{ ref('int_events__partner_claims') }}

),

events as (

    select * from {{ ref('int_events__events') }}
    where is_countable and area_id is not null

),

registry as (

    select * from {{ ref('stg_library__partners') }}

),

acts as (

    select
        claims.partner_id,
        claims.organisation_id,
        claims.is_registered,
        claims.partner_claim,
        events.event_id,
        events.area_id,
        events.start_on,
        row_number() over (
            partition by claims.partner_id
            order by events.start_at, events.event_id, claims.partner_claim
        ) as act_number
    from claims
    inner join events on claims.event_id = events.event_id

),

final as (

    select
        acts.partner_id,
        acts.organisation_id,
        coalesce(registry.partner_name, acts.partner_claim) as partner_name,
        acts.is_registered,
        coalesce(registry.is_baseline, false) as is_baseline,
        acts.start_on as first_act_on,
        acts.event_id as first_event_id,
        acts.area_id
    from acts
    left join registry on acts.partner_id = registry.partner_id
    where acts.act_number = 1

)

select * from final
