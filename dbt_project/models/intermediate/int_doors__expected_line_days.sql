-- The grid that silence is measured against: perimeter lines x days of line and branch. Where no opening hours are
-- described, the whole day is expected.
with lines as (

    select * from {{ ref('stg_library__lines') }}
    where role = 'perimeter'

),

open_days as (

    select * from {{ ref('int_library__open_days') }}

),

final as (

    select
        lines.line_id,
        lines.branch_id,
        lines.rule,
        open_days.local_date,
        open_days.is_hours_known,
        coalesce(open_days.open_minutes, open_days.day_minutes) as expected_minutes
    from lines
    inner join open_days
        on
            lines.branch_id = open_days.branch_id
            and {{ valid_on('lines', 'open_days.local_date') }}

)

select * from final
