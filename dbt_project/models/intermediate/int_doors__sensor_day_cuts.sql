-- Where a sensor's days are not cut at midnight: which branch's cut holds is known before it is known which line of the
-- sensor an observation belongs to, because the line depends on the day. The night after a line's last day is its own
-- unless another line of the sensor begins there.
with lines as (

    select * from {{ ref('stg_library__lines') }}

),

line_ends as (

    select
        lines.*,
        lead(lines.valid_from) over (
            partition by lines.source_id, lines.device_key, lines.line_key
            order by lines.valid_from
        ) as next_from
    from lines

),

final as (

    select
        line_ends.source_id,
        line_ends.device_key,
        line_ends.line_key,
        cuts.cut_minute,
        greatest(line_ends.valid_from, cuts.valid_from) as valid_from,
        least(
            case
                when line_ends.next_from = line_ends.valid_to then line_ends.valid_to
                else cast({{ dbt.dateadd('day', 1, 'line_ends.valid_to') }} as date)
            end,
            cuts.valid_to
        ) as valid_to
    from line_ends
    inner join {{ ref('stg_library__day_cuts') }} as cuts
        on
            line_ends.branch_id = cuts.branch_id
            and (cuts.valid_to is null or line_ends.valid_from < cuts.valid_to)
            and (line_ends.valid_to is null or cuts.valid_from <= line_ends.valid_to)

)

select * from final
where valid_to is null or valid_from < valid_to
