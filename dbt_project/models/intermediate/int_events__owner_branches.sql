-- The branch that answers for an occurrence: decided by a person, else named in its categories, else in its venue, else
-- in its title, else the branch that owns the whole source. The venue alone is weak evidence: libraries hold events
-- elsewhere. A name counts where it stands as words: the library's own name is none of its branches. A title may name
-- another branch than the one that answers (`titled_branch_id`): then the source contradicts itself.
with occurrences as (

    select
        occurrence_id,
        source_id,
        start_on,
        {{ plain_words('categories') }} as categories,
        {{ plain_words('location') }} as location,
        {{ plain_words('title') }} as title
    from {{ ref('int_events__occurrences') }}

),

aliases as (

    select
        aliases.branch_id,
        {{ plain_words('aliases.alias') }} as alias,
        branches.valid_from,
        branches.valid_to
    from {{ ref('stg_library__branch_aliases') }} as aliases
    inner join {{ ref('stg_library__branches') }} as branches on aliases.branch_id = branches.branch_id

),

sources as (

    select * from {{ ref('stg_library__sources') }}

),

decisions as (

    select
        occurrences.occurrence_id,
        decisions.branch_id
    from {{ ref('stg_library__event_decisions') }} as decisions
    inner join {{ ref('int_events__occurrences') }} as occurrences
        on
            decisions.source_id = occurrences.source_id
            and decisions.series_id = occurrences.series_id
            and decisions.slot = occurrences.slot
    where decisions.verdict = 'owner_branch'

),

claims as (

    select
        occurrence_id,
        branch_id,
        'decided' as owner_rule,
        0 as rule_number,
        0 as alias_length
    from decisions

    union all

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
                {{ dbt.position('aliases.alias', 'occurrences.' ~ column) }} > 0
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
            -- the longest name wins: "Ålesund" must not win over "Moa bibliotek, Ålesund"
            order by rule_number asc, alias_length desc, branch_id asc
        ) as claim_rank
    from claims

),

titled as (

    select
        occurrence_id,
        branch_id
    from (
        select
            *,
            row_number() over (partition by occurrence_id order by alias_length desc, branch_id asc) as title_rank
        from claims
        where owner_rule = 'title'
    ) as named
    where title_rank = 1

),

final as (

    select
        ranked.occurrence_id,
        ranked.branch_id as owner_branch_id,
        ranked.owner_rule,
        case when ranked.owner_rule <> 'decided' and titled.branch_id <> ranked.branch_id then titled.branch_id end
            as titled_branch_id
    from ranked
    left join titled on ranked.occurrence_id = titled.occurrence_id
    where ranked.claim_rank = 1

)

select * from final
