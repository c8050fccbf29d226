-- Sample weeks: a whole week counted by hand, or one put together of two in a row on whose weekdays people took turns
-- (Mon/Wed/Fri/Sun in one, Tue/Thu/Sat in the next). The verdicts, the first that fits:
--   continuous_counting   a counter was described at the branch in that year; its people would come twice
--   hours_unknown         without described opening hours nobody knows what a whole week is
--   not_normal            a holiday or special hours fall into it: the week after it is counted instead
--   incomplete            an open day was not counted, at one of the doors at least
--   overlapping           another sample week of the branch holds some of its days
--   used
-- Rule source: docs/figures.md.
with counts as (

    select * from {{ ref('int_doors__sample_counts') }}

),

open_days as (

    select
        open_days.branch_id,
        open_days.local_date,
        open_days.is_hours_known,
        coalesce(open_days.open_minutes, 0) as open_minutes,
        day_rules.day_rule,
        {{ isodow('open_days.local_date') }} as weekday,
        {{ period_start('week', 'open_days.local_date') }} as monday_on
    from {{ ref('int_library__open_days') }} as open_days
    inner join {{ ref('int_library__day_rules') }} as day_rules
        on
            open_days.branch_id = day_rules.branch_id
            and open_days.local_date = day_rules.local_date

),

branch_weeks as (

    select
        branch_id,
        monday_on,
        min(case when is_hours_known then 1 else 0 end) as is_hours_known,
        min(case when day_rule = 'regular' then 1 else 0 end) as is_normal
    from open_days
    group by branch_id, monday_on

),

-- A span of seven days is a week by itself; shorter ones are gathered by the calendar week that they begin in.
placed as (

    select
        *,
        {{ days_between('start_on', 'last_on') }} >= 6 as is_week,
        case
            when {{ days_between('start_on', 'last_on') }} >= 6 then start_on
            else {{ period_start('week', 'start_on') }}
        end as week_start_on
    from counts

),

sums as (

    select
        line_id,
        branch_id,
        week_start_on,
        is_week,
        sum(visits) as visits,
        min(start_on) as first_on,
        max(last_on) as last_on
    from placed
    group by line_id, branch_id, week_start_on, is_week

),

told_days as (

    select distinct
        placed.line_id,
        placed.branch_id,
        placed.week_start_on,
        placed.is_week,
        open_days.local_date,
        open_days.weekday,
        open_days.open_minutes
    from placed
    inner join open_days
        on
            placed.branch_id = open_days.branch_id
            and open_days.local_date between placed.start_on and placed.last_on

),

told as (

    select
        line_id,
        week_start_on,
        is_week,
        count(*) as day_count,
        sum(open_minutes) as open_minutes
    from told_days
    group by line_id, week_start_on, is_week

),

-- Open days of the week that nobody counted.
untold as (

    select
        sums.line_id,
        sums.week_start_on,
        sums.is_week,
        count(*) as untold_day_count
    from sums
    inner join open_days
        on
            sums.branch_id = open_days.branch_id
            and open_days.local_date >= sums.week_start_on
            and open_days.local_date < {{ dbt.dateadd('day', 7, 'sums.week_start_on') }}
            and open_days.open_minutes > 0
    left join told_days
        on
            sums.line_id = told_days.line_id
            and sums.week_start_on = told_days.week_start_on
            and sums.is_week = told_days.is_week
            and open_days.local_date = told_days.local_date
    where told_days.line_id is null
    group by sums.line_id, sums.week_start_on, sums.is_week

),

pieces as (

    select
        sums.*,
        coalesce(told.day_count, 0) as day_count,
        coalesce(told.open_minutes, 0) as open_minutes,
        coalesce(untold.untold_day_count, 0) as untold_day_count
    from sums
    left join told
        on
            sums.line_id = told.line_id
            and sums.week_start_on = told.week_start_on
            and sums.is_week = told.is_week
    left join untold
        on
            sums.line_id = untold.line_id
            and sums.week_start_on = untold.week_start_on
            and sums.is_week = untold.is_week

),

-- Two pieces in a row of which the second counted exactly the open weekdays that the first left out.
shared_weekdays as (

    select
        one.line_id,
        one.week_start_on,
        count(*) as weekday_count
    from told_days as one
    inner join told_days as other
        on
            one.line_id = other.line_id
            and one.weekday = other.weekday
            and not one.is_week
            and not other.is_week
            and other.week_start_on = {{ dbt.dateadd('day', 7, 'one.week_start_on') }}
    group by one.line_id, one.week_start_on

),

open_weekdays as (

    select distinct
        sums.line_id,
        sums.week_start_on,
        open_days.weekday
    from sums
    inner join open_days
        on
            sums.branch_id = open_days.branch_id
            and not sums.is_week
            and open_days.local_date >= sums.week_start_on
            and open_days.local_date < {{ dbt.dateadd('day', 14, 'sums.week_start_on') }}
            and open_days.open_minutes > 0

),

left_out_weekdays as (

    select
        untold_day.line_id,
        untold_day.week_start_on,
        count(*) as weekday_count
    from open_weekdays as untold_day
    left join told_days
        on
            untold_day.line_id = told_days.line_id
            and untold_day.weekday = told_days.weekday
            and not told_days.is_week
            and told_days.week_start_on >= untold_day.week_start_on
            and told_days.week_start_on <= {{ dbt.dateadd('day', 7, 'untold_day.week_start_on') }}
    where told_days.line_id is null
    group by untold_day.line_id, untold_day.week_start_on

),

linked as (

    select
        one.*,
        other.line_id is not null
        and shared_weekdays.line_id is null
        and left_out_weekdays.line_id is null as has_second_half
    from pieces as one
    left join pieces as other
        on
            one.line_id = other.line_id
            and not one.is_week
            and not other.is_week
            and one.untold_day_count > 0
            and other.untold_day_count > 0
            and other.week_start_on = {{ dbt.dateadd('day', 7, 'one.week_start_on') }}
    left join shared_weekdays
        on
            one.line_id = shared_weekdays.line_id
            and one.week_start_on = shared_weekdays.week_start_on
    left join left_out_weekdays
        on
            one.line_id = left_out_weekdays.line_id
            and one.week_start_on = left_out_weekdays.week_start_on

),

-- Of halves in a row the first begins a pair, the second ends it, the third begins the next.
chained as (

    select
        *,
        coalesce(lag(has_second_half) over (partition by line_id, is_week order by week_start_on), false) as is_after_half
    from linked

),

numbered as (

    select
        *,
        sum(case when is_after_half then 0 else 1 end) over (
            partition by line_id, is_week order by week_start_on
            rows between unbounded preceding and current row
        ) as chain_number
    from chained

),

positioned as (

    select
        *,
        row_number() over (partition by line_id, is_week, chain_number order by week_start_on) as place
    from numbered

),

line_weeks as (

    select
        one.line_id,
        one.branch_id,
        one.week_start_on,
        case when other.line_id is null then 'whole_week' else 'alternate_days' end as sample_form,
        one.first_on,
        coalesce(other.last_on, one.last_on) as last_on,
        one.visits + coalesce(other.visits, 0) as visits,
        one.day_count + coalesce(other.day_count, 0) as day_count,
        one.open_minutes + coalesce(other.open_minutes, 0) as open_minutes,
        case when other.line_id is not null then 0 else one.untold_day_count end as untold_day_count
    from positioned as one
    left join positioned as other
        on
            one.line_id = other.line_id
            and one.is_week = other.is_week
            and one.chain_number = other.chain_number
            and one.has_second_half
            and other.place = one.place + 1
    where mod(one.place, 2) = 1 or (not one.has_second_half and not one.is_after_half)

),

sample_lines as (

    select * from {{ ref('stg_library__lines') }}
    where role = 'sample'

),

doors as (

    select
        line_weeks.branch_id,
        line_weeks.week_start_on,
        count(distinct sample_lines.line_id) as door_count
    from line_weeks
    inner join sample_lines
        on
            line_weeks.branch_id = sample_lines.branch_id
            and {{ valid_on('sample_lines', 'line_weeks.first_on') }}
    group by line_weeks.branch_id, line_weeks.week_start_on

),

branch_samples as (

    select
        line_weeks.branch_id,
        line_weeks.week_start_on,
        -- the year that most of the week lies in
        cast(extract(year from {{ dbt.dateadd('day', 3, 'line_weeks.week_start_on') }}) as int) as year,
        max(line_weeks.sample_form) as sample_form,
        min(line_weeks.first_on) as first_on,
        max(line_weeks.last_on) as last_on,
        cast(sum(line_weeks.visits) as double precision) as visits,
        max(line_weeks.day_count) as day_count,
        min(line_weeks.open_minutes) as open_minutes,
        max(line_weeks.untold_day_count) as untold_day_count,
        count(distinct line_weeks.line_id) as line_count,
        count(*) as line_week_count,
        max(doors.door_count) as door_count
    from line_weeks
    inner join doors
        on
            line_weeks.branch_id = doors.branch_id
            and line_weeks.week_start_on = doors.week_start_on
    group by line_weeks.branch_id, line_weeks.week_start_on

),

counted_years as (

    select distinct
        branch_id,
        cast(extract(year from local_date) as int) as year
    from {{ ref('int_doors__expected_line_days') }}

),

touched_weeks as (

    select
        branch_samples.branch_id,
        branch_samples.week_start_on,
        min(branch_weeks.is_hours_known) as is_hours_known,
        min(branch_weeks.is_normal) as is_normal
    from branch_samples
    inner join branch_weeks
        on
            branch_samples.branch_id = branch_weeks.branch_id
            and branch_weeks.monday_on <= branch_samples.last_on
            and {{ dbt.dateadd('day', 6, 'branch_weeks.monday_on') }} >= branch_samples.week_start_on
    group by branch_samples.branch_id, branch_samples.week_start_on

),

spaced as (

    select
        *,
        lag(last_on) over (partition by branch_id order by week_start_on) as last_before_on,
        lead(first_on) over (partition by branch_id order by week_start_on) as first_after_on
    from branch_samples

),

final as (

    select
        spaced.branch_id,
        spaced.week_start_on,
        spaced.year,
        cast(extract(week from spaced.week_start_on) as int) as iso_week,
        spaced.sample_form,
        spaced.first_on,
        spaced.last_on,
        cast(spaced.day_count as int) as day_count,
        cast(spaced.line_count as int) as line_count,
        spaced.visits,
        cast(spaced.open_minutes as double precision) as open_minutes,
        extract(week from spaced.week_start_on) not in ({{ var('sample_weeks_by_convention') | join(', ') }}) as is_substitute,
        case
            when counted_years.branch_id is not null then 'continuous_counting'
            when coalesce(touched_weeks.is_hours_known, 0) = 0 then 'hours_unknown'
            when touched_weeks.is_normal = 0 then 'not_normal'
            when spaced.untold_day_count > 0 or spaced.line_count < spaced.door_count then 'incomplete'
            when
                spaced.line_week_count > spaced.line_count
                or coalesce(spaced.last_before_on >= spaced.first_on, false)
                or coalesce(spaced.first_after_on <= spaced.last_on, false)
                then 'overlapping'
            else 'used'
        end as week_verdict
    from spaced
    left join counted_years
        on
            spaced.branch_id = counted_years.branch_id
            and spaced.year = counted_years.year
    left join touched_weeks
        on
            spaced.branch_id = touched_weeks.branch_id
            and spaced.week_start_on = touched_weeks.week_start_on

)

select * from final
