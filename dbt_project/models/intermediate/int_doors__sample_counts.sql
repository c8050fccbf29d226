-- What people counted in sample weeks, one row per span that they counted over, at lines that are described for it. A
-- count told by a line of another role is no sample: it would stand beside the counter's own people.
with tellings as (

    {{ current_tellings_of(['sample_week']) }}

),

dated as (

    {{ dated_tellings('tellings') }}

),

lines as (

    select * from {{ ref('stg_library__lines') }}
    where role = 'sample'

),

final as (

    select
        dated.observation_id,
        dated.source_id,
        dated.receipt_id,
        dated.blob_sha256,
        lines.line_id,
        lines.branch_id,
        dated.start_on,
        dated.last_on,
        {{ visits_by_rule('lines.rule', 'dated.in_count', 'dated.out_count', 'dated.undirected_count') }} as visits
    from dated
    inner join lines
        on
            dated.source_id = lines.source_id
            and dated.device_key = lines.device_key
            and dated.line_key = lines.line_key
            and {{ valid_on('lines', 'dated.start_on') }}
    where dated.value_state = 'observed'

)

select * from final
where visits is not null
