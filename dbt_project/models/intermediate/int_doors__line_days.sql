-- Hours to local days. Of an hour that was seen in part, the same part of its open minutes counts as seen.
with hours as (

    select * from {{ ref('int_doors__line_hours') }}

),

expected as (

    select * from {{ ref('int_doors__expected_line_days') }}

),

final as (

    select
        expected.line_id,
        expected.branch_id,
        expected.local_date,
        expected.rule,
        expected.expected_minutes,
        cast(sum(hours.in_count) as bigint) as in_count,
        cast(sum(hours.out_count) as bigint) as out_count,
        cast(sum(hours.undirected_count) as bigint) as undirected_count,
        cast(coalesce(sum(
            case
                when hours.hour_start_at is null then 0  -- `least` passes over a null: a silent day would have seen an hour
                when expected.is_hours_known then hours.open_minutes * least(hours.observed_minutes, 60) / 60
                else least(hours.observed_minutes, 60)
            end
        ), 0) as double precision) as observed_minutes,
        count(hours.hour_start_at) as hour_count
    from expected
    left join hours
        on
            expected.line_id = hours.line_id
            and expected.local_date = hours.local_date
    group by
        expected.line_id, expected.branch_id, expected.local_date, expected.rule, expected.expected_minutes

)

select * from final
