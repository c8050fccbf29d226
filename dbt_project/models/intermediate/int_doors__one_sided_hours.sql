-- Hours in which one of a counter's two beams was blind: it told 0 over a stretch of hours in which the other direction
-- counted at least 24 people, on two days or more. People leave in the last hour and nobody comes, but whoever left on
-- the second day must have come in. The direction that still counts stands for both there, or the mean of the two would
-- halve the visits. Rule source: docs/figures.md.
with hours as (

    select
        line_hours.line_id,
        line_hours.hour_start_at,
        line_hours.local_date,
        line_hours.in_count,
        line_hours.out_count
    from {{ ref('int_doors__line_hours') }} as line_hours
    inner join {{ ref('stg_library__lines') }} as lines on line_hours.line_id = lines.line_id
    where lines.rule = 'mean_in_out'

),

directions as (

    select
        line_id,
        hour_start_at,
        local_date,
        'in' as direction,
        in_count as own_count,
        out_count as other_count
    from hours

    union all

    select
        line_id,
        hour_start_at,
        local_date,
        'out' as direction,
        out_count as own_count,
        in_count as other_count
    from hours

),

numbered as (

    select
        *,
        row_number() over (partition by line_id, direction order by hour_start_at)
        - row_number() over (partition by line_id, direction, own_count = 0 order by hour_start_at) as run_number
    from directions

),

blind_runs as (

    select
        line_id,
        direction,
        run_number,
        min(hour_start_at) as blind_since_at
    from numbered
    where own_count = 0
    group by line_id, direction, run_number
    having
        sum(other_count) >= {{ var('blind_beam_other_count') }}
        and count(distinct case when other_count > 0 then local_date end) >= 2

),

final as (

    select
        numbered.line_id,
        numbered.hour_start_at,
        numbered.local_date,
        numbered.direction as blind_direction,
        blind_runs.blind_since_at,
        -- what the blind beam takes away from the mean
        cast(numbered.other_count as double precision) / 2 as added_visits
    from numbered
    inner join blind_runs
        on
            numbered.line_id = blind_runs.line_id
            and numbered.direction = blind_runs.direction
            and numbered.run_number = blind_runs.run_number
    where numbered.own_count = 0 and numbered.other_count > 0

)

select * from final
