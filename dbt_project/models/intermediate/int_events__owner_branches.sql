-- The branch that answers for an occurrence: named in its categories, else in its venue, else in its title, else the
-- branch that owns the whole source. The venue alone is weak evidence: libraries hold events elsewhere.
with occurrences as (

    select * from {{ ref('int_events__occurrences') }}

),

aliases as (

    select
        aliases.branch_id,
        aliases.alias,
        branches.valid_from,
        branches.valid_to
    from {{ ref('stg_library__branch_aliases') }} as aliases
    inner join {{ ref('stg_library__branches') }} as branches on aliases.branch_id = branches.branch_id

),

sources as (

    select * from {{ ref('stg_library__sources') }}

),

claims as (

    {% for column in ['categories', 'location', 'title'] %}
        select
            occurrences.occurrence_id,
            aliases.branch_id,
            '{{ column }}' as owner_rule,
            {{ loop.index }} as rule_number,
            length(aliases.alias) as alias_length
        from occurrences
        inner join aliases
            on
                lower(occurrences.{{ column }}) like '%' || aliases.alias || '%'
                and {{ valid_on('aliases', 'occurrences.start_on') }}

        union all
    {% endfor %}
    select
        occurrences.occurrence_id,
        sources.branch_id,
        'source' as owner_rule,
        4 as rule_number,
        0 as alias_length
    from occurrences
    inner join sources on occurrences.source_id = sources.source_id
    where sources.branch_id is not null

),

ranked as (

    select
        *,
        row_number() over (
            partition by occurrence_id
            -- the longest name wins: "Haramsøy" must not be taken for "Harøy", nor "Ålesund kino" for a branch
            order by rule_number asc, alias_length desc, branch_id asc
        ) as claim_rank
    from claims

),

final as (

    select
        occurrence_id,
        branch_id as owner_branch_id,
        owner_rule
    from ranked
    where claim_rank = 1

)

select * from final
