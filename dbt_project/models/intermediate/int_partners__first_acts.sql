-- A partner's first dated act of cooperation, over all time that the feeds tell of.
with acts as (

    select
        *,
        row_number() over (partition by partner_id order by acted_at, event_id) as act_number
    from {{ ref('int_partners__acts') }}

),

final as (

    select
        partner_id,
        organisation_id,
        unit_id,
        partner_name,
        is_registered,
        is_baseline,
        acted_on as first_act_on,
        event_id as first_event_id,
        area_id
    from acts
    where act_number = 1

)

select * from final
