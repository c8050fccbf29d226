-- Each cut of events_split adds up, alone, to the figure of the same place and period. A row here is a cut that lost or
-- doubled an event: mend kpi/events_split.sql.
with splits as (

    select 'type' as split
    union all
    select 'organiser' as split
    union all
    select 'place' as split
    union all
    select 'audience' as split
    union all
    select 'age' as split

),

figures as (

    select * from {{ ref('figures') }}
    where
        figure_id in ('events_held', 'event_attendances')
        and period_kind in ('month', 'quarter', 'year')
        and value is not null

),

sums as (

    select
        figures.figure_id,
        figures.area_id,
        figures.branch_id,
        figures.period_kind,
        figures.period_start,
        splits.split,
        figures.value,
        coalesce(sum(parts.value), 0) as part_sum
    from figures
    inner join splits on splits.split <> 'age' or figures.figure_id = 'event_attendances'
    left join {{ ref('events_split') }} as parts
        on
            figures.figure_id = parts.figure_id
            and splits.split = parts.split
            and figures.area_id = parts.area_id
            and coalesce(figures.branch_id, '') = coalesce(parts.branch_id, '')
            and figures.period_kind = parts.period_kind
            and figures.period_start = parts.period_start
    group by
        figures.figure_id, figures.area_id, figures.branch_id, figures.period_kind, figures.period_start,
        splits.split, figures.value

)

select * from sums
where abs(value - part_sum) > 0.000001
