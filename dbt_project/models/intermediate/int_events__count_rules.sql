-- Which records count as events, by the reviewed rules; the first rule that matches the title wins. Private and
-- tentative entries never count. Nothing is dropped: each carries the reason.
with occurrences as (

    select * from {{ ref('int_events__occurrences') }}

),

rules as (

    select * from {{ ref('stg_library__event_rules') }}

),

matched as (

    select
        occurrences.occurrence_id,
        rules.rule_id,
        rules.kind,
        rules.count_rule,
        rules.reason,
        row_number() over (partition by occurrences.occurrence_id order by rules.rule_number) as match_rank
    from occurrences
    inner join rules on {{ matches('lower(occurrences.title)', 'rules.pattern') }}

),

ruled as (

    select
        occurrences.*,
        coalesce(matched.kind, 'event') as kind,
        coalesce(matched.count_rule, 'per_occurrence') as count_rule,
        matched.reason as rule_reason,
        row_number() over (
            partition by
                occurrences.source_id, occurrences.series_id,
                case when occurrences.status = 'occurred' then 1 else 0 end
            order by occurrences.start_at, occurrences.slot
        ) as held_number
    from occurrences
    left join matched
        on
            occurrences.occurrence_id = matched.occurrence_id
            and matched.match_rank = 1

),

final as (

    select
        occurrence_id,
        kind,
        count_rule,
        case
            when not is_public then false
            when status <> 'occurred' then false
            when count_rule = 'never' then false
            when count_rule = 'once_per_series' and held_number > 1 then false
            else true
        end as is_countable,
        case
            when not is_public then 'the source marks it private'
            when status <> 'occurred' then 'it is ' || status
            when count_rule = 'never' then coalesce(rule_reason, 'never counted')
            when count_rule = 'once_per_series' and held_number > 1 then 'its series is counted once'
            else 'held'
        end as count_reason
    from ruled

)

select * from final
