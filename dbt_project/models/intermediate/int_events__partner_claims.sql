with occurrences as (

    select
        occurrence_id,
        {{ split_rows('partner_claims') }} as partner_claim
    from {{ ref('int_events__occurrences') }}
    where partner_claims is not null and partner_claims <> ''

),

aliases as (

    select * from {{ ref('stg_library__partner_aliases') }}

),

final as (

    select
        occurrences.occurrence_id,
        occurrences.partner_claim,
        -- An organisation outside the registry keeps a key of its own, so that it is seen and can be registered.
        coalesce(aliases.partner_id, 'unregistered:' || lower(trim(occurrences.partner_claim))) as partner_id,
        aliases.partner_id is not null as is_registered
    from occurrences
    left join aliases on lower(trim(occurrences.partner_claim)) = aliases.alias

)

select * from final
