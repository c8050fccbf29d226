-- Events and attendances cut four ways, attendances also by who came. Each cut alone adds up to the figure of the same
-- place and period; across cuts nothing may be added.
with figures as (

    select * from {{ ref('figures') }}
    where figure_id in ('events_held', 'event_attendances') and period_kind in ('month', 'quarter', 'year')

),

events as (

    select
        events.event_id,
        events.kind,
        events.organiser,
        events.place,
        events.start_on,
        branches.area_id,
        branches.branch_id,
        branches.share,
        attendance.attendance_count,
        attendance.on_site_count,
        attendance.online_count,
        case when not attendance.has_part_conflict then attendance.adults_present_count end as adults_present_count,
        case when not attendance.has_part_conflict then attendance.children_present_count end as children_present_count
    from {{ ref('int_events__events') }} as events
    inner join {{ ref('int_events__branch_shares') }} as branches on events.event_id = branches.event_id
    left join {{ ref('int_events__attendance') }} as attendance
        on events.event_id = attendance.event_id and attendance.is_used
    where events.is_countable and branches.area_id is not null and branches.share > 0

),

parts as (

    {% for split, column in [('type', 'kind'), ('organiser', 'organiser'), ('place', 'place')] %}
        select
            '{{ split }}' as split,
            {{ column }} as split_value,
            area_id,
            branch_id,
            start_on,
            share,
            attendance_count as part_count
        from events
        union all
    {% endfor %}
    -- the one cut in which an event may stand under several values: by its shares
    select
        'audience' as split,
        audiences.audience as split_value,
        events.area_id,
        events.branch_id,
        events.start_on,
        events.share * audiences.share as share,
        events.attendance_count as part_count
    from events
    inner join {{ ref('int_events__audiences') }} as audiences on events.event_id = audiences.event_id

    -- who came, where staff tell them apart; it cuts the attendances, not the events
    {% for value, counted in [
        ('adults', 'adults_present_count'),
        ('children', 'children_present_count'),
        ('online', 'online_count'),
        ('not_told_apart', 'on_site_count - coalesce(adults_present_count, 0) - coalesce(children_present_count, 0)'),
    ] %}
        union all
        select
            'age' as split,
            '{{ value }}' as split_value,
            area_id,
            branch_id,
            start_on,
            share,
            {{ counted }} as part_count
        from events
        where {{ counted }} is not null
    {% endfor %}

),

cells as (

    select
        figures.figure_id,
        figures.definition_version,
        parts.split,
        parts.split_value,
        figures.area_id,
        figures.branch_id,
        figures.period_kind,
        figures.period_start,
        figures.period_end,
        figures.value as total_value,
        figures.status_value,
        figures.as_of,
        figures.data_version,
        {{ share_sum('parts.share') }} as held_count,
        {{ share_sum('parts.part_count * parts.share') }} as attendance_count
    from figures
    inner join parts
        on
            figures.area_id = parts.area_id
            and coalesce(figures.branch_id, parts.branch_id) = parts.branch_id
            and parts.start_on >= figures.period_start
            and parts.start_on < figures.period_end
    where parts.split <> 'age' or figures.figure_id = 'event_attendances'
    group by
        figures.figure_id, figures.definition_version, parts.split, parts.split_value, figures.area_id,
        figures.branch_id, figures.period_kind, figures.period_start, figures.period_end, figures.value,
        figures.status_value, figures.as_of, figures.data_version

),

final as (

    select
        figure_id,
        definition_version,
        split,
        split_value,
        area_id,
        branch_id,
        period_kind,
        period_start,
        period_end,
        case
            when total_value is null then null
            when figure_id = 'events_held' then held_count
            else attendance_count
        end as value,
        case when total_value is null then status_value else 'A' end as status_value,
        as_of,
        data_version
    from cells

)

select * from final
