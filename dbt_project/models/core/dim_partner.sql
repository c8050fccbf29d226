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

-- What it is part of at the as-of, by date.
organisations as (

    select
        partner_id,
        organisation_id
    from {{ ref('stg_library__partner_organisations') }}
    where
        (valid_from is null or valid_from <= cast({{ as_of() }} as date))
        and (valid_to is null or valid_to > cast({{ as_of() }} as date))

),

final as (

    select
        registry.partner_id,
        registry.partner_name,
        registry.organisation_number,
        registry.unit_id,
        coalesce(organisations.organisation_id, registry.partner_id) as organisation_id,
        true as is_registered,
        registry.is_baseline,
        first_acts.first_act_on
    from registry
    left join organisations on registry.partner_id = organisations.partner_id
    left join first_acts on registry.partner_id = first_acts.partner_id

    union all

    select
        named.partner_id,
        named.partner_name,
        cast(null as {{ dbt.type_string() }}) as organisation_number,
        named.partner_id as unit_id,
        named.partner_id as organisation_id,
        false as is_registered,
        false as is_baseline,
        first_acts.first_act_on
    from named
    left join first_acts on named.partner_id = first_acts.partner_id

)

select * from final
