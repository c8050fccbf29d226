-- The registry, and beside it every organisation that a feed names and the registry does not.
with registry as (

    select * from {{ ref('stg_library__partners') }}

),

first_acts as (

    select * from {{ ref('int_partners__first_acts') }}

),

named as (

    select
        partner_id,
        min(partner_claim) as partner_name
    from {{ ref('int_events__partner_claims') }}
    where not is_registered
    group by partner_id

),

final as (

    select
        registry.partner_id,
        registry.partner_name,
        true as is_registered,
        registry.is_baseline,
        first_acts.first_act_on
    from registry
    left join first_acts on registry.partner_id = first_acts.partner_id

    union all

    select
        named.partner_id,
        named.partner_name,
        false as is_registered,
        false as is_baseline,
        first_acts.first_act_on
    from named
    left join first_acts on named.partner_id = first_acts.partner_id

)

select * from final
