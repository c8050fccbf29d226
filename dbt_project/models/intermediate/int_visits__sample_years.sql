-- A year out of sample weeks, by the National Library's rule: the mean week times the opening weeks less two, which stand
-- for holidays and the quiet weeks around them. Two weeks at least; opening weeks are those in which the branch was open
-- on any day. Rule source: docs/figures.md.
with sample_weeks as (

    select
        branch_id,
        year,
        count(*) as told_week_count,
        sum(case when week_verdict = 'used' then 1 else 0 end) as sample_week_count,
        {{ exact_sum("case when week_verdict = 'used' then visits end") }} as counted_visits,
        {{ exact_sum("case when week_verdict = 'used' then open_minutes else 0 end") }} as counted_minutes,
        min(case when week_verdict != 'used' then week_verdict end) as refusal
    from {{ ref('int_visits__sample_weeks') }}
    group by branch_id, year

),

weeks as (

    select
        branch_days.area_id,
        open_days.branch_id,
        {{ period_start('week', 'open_days.local_date') }} as monday_on,
        min(case when open_days.is_hours_known then 1 else 0 end) as is_hours_known,
        sum(coalesce(open_days.open_minutes, 0)) as open_minutes
    from {{ ref('int_library__open_days') }} as open_days
    inner join {{ ref('int_library__branch_days') }} as branch_days
        on
            open_days.branch_id = branch_days.branch_id
            and open_days.local_date = branch_days.local_date
    group by branch_days.area_id, open_days.branch_id, {{ period_start('week', 'open_days.local_date') }}

),

opening_weeks as (

    select
        area_id,
        branch_id,
        cast(extract(year from {{ dbt.dateadd('day', 3, 'monday_on') }}) as int) as year,
        min(is_hours_known) as is_hours_known,
        sum(case when open_minutes > 0 then 1 else 0 end) as opening_week_count
    from weeks
    group by area_id, branch_id, cast(extract(year from {{ dbt.dateadd('day', 3, 'monday_on') }}) as int)

),

joined as (

    select
        opening_weeks.area_id,
        opening_weeks.branch_id,
        opening_weeks.year,
        cast(opening_weeks.opening_week_count as int) as opening_week_count,
        cast(sample_weeks.told_week_count as int) as told_week_count,
        cast(sample_weeks.sample_week_count as int) as sample_week_count,
        sample_weeks.counted_visits,
        sample_weeks.counted_minutes,
        sample_weeks.refusal,
        sample_weeks.sample_week_count >= 2
        and opening_weeks.is_hours_known = 1
        and opening_weeks.opening_week_count > 2 as is_told
    from opening_weeks
    inner join sample_weeks
        on
            opening_weeks.branch_id = sample_weeks.branch_id
            and opening_weeks.year = sample_weeks.year

),

final as (

    select
        area_id,
        branch_id,
        year,
        opening_week_count,
        told_week_count,
        sample_week_count,
        counted_visits,
        counted_minutes,
        case when is_told then counted_visits / sample_week_count * (opening_week_count - 2) end as expanded_visits,
        case
            when is_told
                then
                    cast(sample_week_count as {{ dbt.type_string() }}) || ' sample weeks: on average '
                    || {{ whole_text('counted_visits / sample_week_count') }} || ' visits times '
                    || cast(opening_week_count - 2 as {{ dbt.type_string() }}) || ' ('
                    || cast(opening_week_count as {{ dbt.type_string() }})
                    || ' opening weeks less 2); no interval, because so few weeks do not tell how far the year lies from'
                    || ' them; growth from sample weeks is noise'
            when sample_week_count < 2
                then
                    cast(sample_week_count as {{ dbt.type_string() }}) || ' usable sample weeks of '
                    || cast(told_week_count as {{ dbt.type_string() }}) || '; a year needs 2'
                    || coalesce(' (refused: ' || refusal || ')', '')
            else 'sample weeks need described opening hours, and more than two opening weeks'
        end as note
    from joined

)

select * from final
