-- For whom each event was: what a person decided, else what the best believed source ticked, else what the words of all
-- its claims say, else everybody where every box was ticked, else not told. An event for two audiences is half of each.
with claims as (

    select * from {{ ref('int_events__audience_claims') }}

),

rules as (

    select * from {{ ref('stg_library__event_audiences') }}

),

decided as (

    select * from {{ ref('int_events__decided_audiences') }}

),

holdings as (

    select
        event_id,
        start_on
    from {{ ref('int_events__holdings') }}

),

ticked as (

    select
        event_id,
        audience,
        min(audience_rule) as audience_rule,
        min(audience_reason) as audience_reason
    from claims
    where is_used
    group by event_id, audience

),

words as (

    select
        identity.event_id,
        {{ dbt.listagg('claim_words', "' | '", 'order by claim_words') }} as all_words
    from (
        select distinct
            occurrence_id,
            lower(coalesce(categories, '') || ' | ' || coalesce(title, '')) as claim_words
        from {{ ref('int_events__occurrences') }}
    ) as told
    inner join {{ ref('int_events__identity') }} as identity on told.occurrence_id = identity.claim_id
    group by identity.event_id

),

worded as (

    select
        words.event_id,
        rules.audience,
        rules.rule_id,
        rules.reason,
        row_number() over (partition by words.event_id order by rules.rule_number) as rule_choice
    from words
    inner join holdings on words.event_id = holdings.event_id
    inner join rules
        on
            {{ matches('words.all_words', 'rules.pattern') }}
            and {{ valid_on('rules', 'holdings.start_on') }}

),

every_box as (

    select
        event_id,
        min(set_aside_audience) as audience,
        min(set_aside_rule) as audience_rule,
        min(set_aside_reason) as audience_reason
    from claims
    where set_aside_rule is not null
    group by event_id

),

found as (

    select
        event_id,
        audience,
        'decided' as audience_basis,
        'decided' as audience_rule,
        audience_reason
    from decided

    union all

    select
        ticked.event_id,
        ticked.audience,
        'claimed' as audience_basis,
        ticked.audience_rule,
        ticked.audience_reason
    from ticked
    left join decided on ticked.event_id = decided.event_id
    where decided.event_id is null

    union all

    select
        worded.event_id,
        worded.audience,
        'words' as audience_basis,
        worded.rule_id as audience_rule,
        worded.reason as audience_reason
    from worded
    left join ticked on worded.event_id = ticked.event_id
    left join decided on worded.event_id = decided.event_id
    where worded.rule_choice = 1 and ticked.event_id is null and decided.event_id is null

),

final as (

    select
        holdings.event_id,
        coalesce(found.audience, every_box.audience, 'not_told') as audience,
        case
            when found.event_id is not null then found.audience_basis
            when every_box.event_id is not null then 'every_box'
            else 'none'
        end as audience_basis,
        coalesce(found.audience_rule, every_box.audience_rule, 'none') as audience_rule,
        coalesce(found.audience_reason, every_box.audience_reason, 'no source tells it and no rule finds it')
            as audience_reason,
        count(*) over (partition by holdings.event_id) as audience_count,
        cast(1.0 as double precision) / count(*) over (partition by holdings.event_id) as share
    from holdings
    left join found on holdings.event_id = found.event_id
    left join every_box on holdings.event_id = every_box.event_id

)

select * from final
