with occurrences as (

    select
        occurrence_id,
        start_on,
        {{ split_rows('partner_claims') }} as partner_claim
    from {{ ref('int_events__occurrences') }}
    where partner_claims is not null and partner_claims <> ''

),

aliases as (

    select * from {{ ref('stg_library__partner_aliases') }}

),

organisations as (

    select * from {{ ref('stg_library__partner_organisations') }}

),

named as (

    select
        identity.event_id,
        occurrences.occurrence_id,
        occurrences.start_on,
        occurrences.partner_claim,
        -- An organisation outside the registry keeps a key of its own, so that it is seen and can be registered.
        coalesce(aliases.partner_id, 'unregistered:' || lower(trim(occurrences.partner_claim))) as partner_id,
        aliases.partner_id is not null as is_registered
    from occurrences
    inner join {{ ref('int_events__identity') }} as identity on occurrences.occurrence_id = identity.claim_id
    left join aliases on lower(trim(occurrences.partner_claim)) = aliases.alias

),

final as (

    select
        named.event_id,
        named.occurrence_id,
        named.partner_claim,
        named.partner_id,
        coalesce(organisations.organisation_id, named.partner_id) as organisation_id,
        coalesce(registry.unit_id, named.partner_id) as unit_id,
        named.is_registered
    from named
    left join {{ ref('stg_library__partners') }} as registry on named.partner_id = registry.partner_id
    left join organisations
        on
            named.partner_id = organisations.partner_id
            and (organisations.valid_from is null or organisations.valid_from <= named.start_on)
            and (organisations.valid_to is null or organisations.valid_to > named.start_on)

)

select * from final
