-- What is known of every hour in which a line was expected to count. The states, the first that fits wins:
--   left_out          told, and a person decided that it does not hold
--   dead              zeros in a row, in a time when so many people would have come that chance can't make them
--   spike             more people than the line, its hour, the other doors of that hour and its own hours around
--                     it make plausible
--   observed_zero, observed   told whole
--   partial           told for a part of its open minutes
--   vendor_imputed    the vendor filled it in
--   not_yet_received  younger than what the source last told, and not late yet
--   missing           none of it
-- Rule sources: docs/figures.md.
with expected as (

    select
        *,
        cast(weekday as {{ dbt.type_string() }}) || '-' || cast(local_hour as {{ dbt.type_string() }}) as clock_slot,
        {{ week_number('local_date') }} as week_number
    from {{ ref('int_doors__expected_hours') }}

),

hours as (

    select * from {{ ref('int_doors__line_hours') }}

),

-- People who were told while it was closed. Where no hours are described every hour is expected, so there are none.
closed_days as (

    select
        hours.line_id,
        hours.local_date,
        {{ exact_sum(visits_by_rule('lines.rule', 'hours.in_count', 'hours.out_count', 'hours.undirected_count')) }}
            as closed_visits
    from hours
    inner join {{ ref('stg_library__lines') }} as lines on hours.line_id = lines.line_id
    left join expected
        on
            hours.line_id = expected.line_id
            and hours.hour_start_at = expected.hour_start_at
    where expected.line_id is null
    group by hours.line_id, hours.local_date

),

uncounted as (

    select
        line_id,
        {{ hour_of('interval_start_at') }} as hour_start_at,
        max(case when value_state = 'vendor_imputed' then 1 else 0 end) as is_vendor_imputed,
        max(case when is_lower_bound then 1 else 0 end) as is_lower_bound,
        max(reason_code) as reason_code
    from {{ ref('int_doors__mapped_observations') }}
    where is_within_hour and line_id is not null and (not is_counted or is_lower_bound)
    group by line_id, {{ hour_of('interval_start_at') }}

),

one_sided as (

    select * from {{ ref('int_doors__one_sided_hours') }}

),

decisions as (

    select * from {{ ref('stg_library__count_decisions') }}

),

sources as (

    select * from {{ ref('stg_library__sources') }}

),

last_told as (

    select
        line_id,
        max(interval_end_at) as told_until_at
    from {{ ref('int_doors__mapped_observations') }}
    where line_id is not null
    group by line_id

),

told as (

    select
        expected.*,
        hours.hour_start_at is not null and coalesce(hours.observed_minutes, 0) > 0 as is_told,
        {{ visits_by_rule('expected.rule', 'hours.in_count', 'hours.out_count', 'hours.undirected_count') }}
        + coalesce(one_sided.added_visits, 0) as told_visits,
        one_sided.line_id is not null as is_one_sided,
        hours.both_ways_count,
        expected.expected_minutes * least(coalesce(hours.observed_minutes, 0), 60) / 60 as told_minutes,
        coalesce(uncounted.is_vendor_imputed, 0) = 1 as is_vendor_imputed,
        coalesce(uncounted.is_lower_bound, 0) = 1 as is_lower_bound,
        uncounted.reason_code,
        decisions.verdict,
        coalesce(last_told.told_until_at <= expected.hour_start_at, true)
        and {{ plus_minutes('expected.hour_start_at', 'coalesce(sources.expected_every_hours, 24) * 66') }} >= {{ as_of() }}
            as is_young
    from expected
    left join hours
        on
            expected.line_id = hours.line_id
            and expected.hour_start_at = hours.hour_start_at
    left join one_sided
        on
            expected.line_id = one_sided.line_id
            and expected.hour_start_at = one_sided.hour_start_at
    left join uncounted
        on
            expected.line_id = uncounted.line_id
            and expected.hour_start_at = uncounted.hour_start_at
    left join decisions
        on
            expected.line_id = decisions.line_id
            and expected.local_date between decisions.first_on and decisions.last_on
    left join last_told on expected.line_id = last_told.line_id
    left join sources on expected.source_id = sources.source_id

),

numbered as (

    select
        line_id,
        segment_number,
        hour_start_at,
        local_date,
        clock_slot,
        week_number,
        expected_minutes,
        told_visits,
        told_minutes,
        both_ways_count,
        told_visits = 0 as is_zero,
        row_number() over (partition by line_id order by hour_start_at)
        - row_number() over (partition by line_id, told_visits = 0 order by hour_start_at) as run_number
    from told
    where is_told and coalesce(verdict, '') != 'leave_out' and told_minutes > 0

),

runs as (

    select
        *,
        is_zero
        and count(*) over (partition by line_id, is_zero, run_number) >= {{ var('long_zero_hours') }} as is_long_zero
    from numbered

),

-- What a line counts on a weekday and hour, learnt from all its time outside long zeros.
slot_rates as (

    select
        line_id,
        segment_number,
        clock_slot,
        {{ exact_sum("told_visits") }} / {{ exact_sum("told_minutes") }} as visits_per_minute
    from runs
    where not is_long_zero
    group by line_id, segment_number, clock_slot

),

judged as (

    select
        runs.*,
        coalesce(slot_rates.visits_per_minute, 0) as usual_visits_per_minute,
        coalesce(slot_rates.visits_per_minute, 0) * runs.told_minutes as expected_visits
    from runs
    left join slot_rates
        on
            runs.line_id = slot_rates.line_id
            and runs.segment_number = slot_rates.segment_number
            and runs.clock_slot = slot_rates.clock_slot

),

-- A city that stays at home makes real zeros at every door: what other doors counted in that week says so.
line_weeks as (

    select
        line_id,
        week_number,
        {{ exact_sum("told_visits") }} as visits,
        {{ exact_sum("expected_visits") }} as expected_visits
    from judged
    where not is_long_zero
    group by line_id, week_number

),

weeks as (

    select
        week_number,
        {{ exact_sum("visits") }} as visits,
        {{ exact_sum("expected_visits") }} as expected_visits
    from line_weeks
    group by week_number

),

clock_hours as (

    select
        hour_start_at,
        {{ exact_sum("told_visits") }} as visits,
        {{ exact_sum("expected_visits") }} as expected_visits
    from judged
    group by hour_start_at

),

-- A crowd comes in one hour and leaves in another, and it gathers: it shows in more than one hour.
neighbours as (

    select
        line_id,
        hour_start_at,
        {{ exact_sum("told_visits", "near_hours") }} - told_visits as visits,
        {{ exact_sum("expected_visits", "near_hours") }} - expected_visits as expected_visits
    from judged
    window near_hours as (partition by line_id order by hour_start_at rows between 3 preceding and 3 following)

),

-- Others have to make enough people to speak: below thirty expected ones, their word is chance.
weighed as (

    select
        judged.line_id,
        judged.hour_start_at,
        judged.local_date,
        judged.is_zero,
        judged.run_number,
        judged.told_visits,
        judged.both_ways_count,
        judged.usual_visits_per_minute,
        judged.expected_visits,
        case
            when weeks.expected_visits - coalesce(line_weeks.expected_visits, 0) >= 30
                then
                    least(
                        1.0,
                        (weeks.visits - coalesce(line_weeks.visits, 0))
                        / (weeks.expected_visits - coalesce(line_weeks.expected_visits, 0))
                    )
            else 1.0
        end as others_week_share,
        case
            when clock_hours.expected_visits - judged.expected_visits >= 30
                then
                    greatest(
                        1.0,
                        (clock_hours.visits - judged.told_visits) / (clock_hours.expected_visits - judged.expected_visits)
                    )
            else 1.0
        end as others_hour_share,
        -- five people more on both sides: few people say little
        greatest(1.0, (neighbours.visits + 5) / (neighbours.expected_visits + 5)) as own_hours_share
    from judged
    inner join neighbours
        on
            judged.line_id = neighbours.line_id
            and judged.hour_start_at = neighbours.hour_start_at
    left join line_weeks
        on
            judged.line_id = line_weeks.line_id
            and judged.week_number = line_weeks.week_number
    left join weeks on judged.week_number = weeks.week_number
    left join clock_hours on judged.hour_start_at = clock_hours.hour_start_at

),

zero_runs as (

    select
        line_id,
        run_number,
        min(hour_start_at) as run_start_at,
        count(*) as run_hour_count,
        {{ exact_sum("expected_visits * others_week_share") }} as run_expected_visits
    from weighed
    where is_zero
    group by line_id, run_number

),

-- A counter whose clock is off tells the people of its open hours while it is closed: they are not missing.
run_days as (

    select distinct
        line_id,
        run_number,
        local_date
    from weighed
    where is_zero

),

run_closed_visits as (

    select
        run_days.line_id,
        run_days.run_number,
        {{ exact_sum("closed_days.closed_visits") }} as closed_visits
    from run_days
    inner join closed_days
        on
            run_days.line_id = closed_days.line_id
            and run_days.local_date = closed_days.local_date
    group by run_days.line_id, run_days.run_number

),

left_out as (

    select
        zero_runs.line_id,
        zero_runs.run_number,
        zero_runs.run_start_at,
        zero_runs.run_hour_count,
        case
            when coalesce(run_closed_visits.closed_visits, 0) < 0.5 * zero_runs.run_expected_visits
                then zero_runs.run_expected_visits
            else 0
        end as run_expected_visits
    from zero_runs
    left join run_closed_visits
        on
            zero_runs.line_id = run_closed_visits.line_id
            and zero_runs.run_number = run_closed_visits.run_number

),

verdicts as (

    select
        weighed.line_id,
        weighed.hour_start_at,
        left_out.run_start_at,
        left_out.run_hour_count,
        left_out.run_expected_visits,
        coalesce(left_out.run_expected_visits, 0) >= {{ var('dead_zero_expected_visits') }} as is_dead,
        -- People who come in a quarter of an hour are not those who leave in it: so many both ways are no crowd.
        (
            weighed.told_visits > {{ var('spike_floor') }}
            and weighed.told_visits
            > {{ var('spike_factor') }} * greatest(weighed.others_hour_share, weighed.own_hours_share)
            * weighed.expected_visits
        )
        or (
            coalesce(weighed.both_ways_count, 0) > {{ var('spike_floor') }}
            and weighed.both_ways_count
            > {{ var('spike_factor') }} * greatest(weighed.others_hour_share, weighed.own_hours_share)
            * weighed.expected_visits / 4
        ) as is_spike,
        weighed.usual_visits_per_minute,
        weighed.expected_visits
    from weighed
    left join left_out
        on
            weighed.line_id = left_out.line_id
            and weighed.run_number = left_out.run_number
            and weighed.is_zero

),

classified as (

    select
        told.*,
        verdicts.run_start_at,
        verdicts.run_hour_count,
        verdicts.run_expected_visits,
        verdicts.usual_visits_per_minute,
        verdicts.expected_visits,
        case
            when told.is_told and told.verdict = 'leave_out' then 'left_out'
            when told.is_told and coalesce(told.verdict, '') != 'keep' and verdicts.is_dead then 'dead'
            when told.is_told and coalesce(told.verdict, '') != 'keep' and verdicts.is_spike then 'spike'
            when told.is_told and (told.told_minutes < told.expected_minutes - 0.001 or told.is_lower_bound) then 'partial'
            when told.is_told and told.told_visits = 0 then 'observed_zero'
            when told.is_told then 'observed'
            when told.is_vendor_imputed then 'vendor_imputed'
            when told.is_young then 'not_yet_received'
            else 'missing'
        end as value_state
    from told
    left join verdicts
        on
            told.line_id = verdicts.line_id
            and told.hour_start_at = verdicts.hour_start_at

),

final as (

    select
        line_id,
        branch_id,
        source_id,
        rule,
        segment_number,
        hour_start_at,
        local_date,
        local_hour,
        clock_slot,
        week_number,
        expected_minutes,
        -- An hour in which a register began again was seen from an unknown moment on: the fewer it tells of those who were
        -- expected, the later. (r + 1) / (m + 2) is what r people of m say of a moment that may be any.
        case
            when value_state in ('observed', 'observed_zero') then expected_minutes
            when value_state = 'partial' and is_lower_bound
                then told_minutes * least(1, (told_visits + 1) / (coalesce(expected_visits, 0) + 2))
            when value_state = 'partial' then told_minutes
            else 0
        end as observed_minutes,
        told_visits,
        case when value_state in ('observed', 'observed_zero', 'partial') then told_visits end as visits,
        value_state,
        case
            when value_state = 'dead' then 'stuck_zero'
            when value_state in ('spike', 'left_out') then value_state
            when value_state = 'partial' and is_lower_bound then 'reset'
            when is_one_sided then 'one_sided'
            else reason_code
        end as reason_code,
        case when value_state = 'dead' then run_start_at end as dead_since_at,
        case when value_state = 'dead' then run_expected_visits end as dead_expected_visits,
        usual_visits_per_minute,
        -- the zeros that this hour is one of, dead or not, unless a person has looked at them
        case when verdict is null then run_start_at end as zero_since_at,
        case when verdict is null then run_hour_count end as zero_hour_count,
        case when verdict is null then run_expected_visits end as zero_expected_visits,
        is_ordinary and value_state in ('observed', 'observed_zero') as is_comparable
    from classified

)

select * from final
