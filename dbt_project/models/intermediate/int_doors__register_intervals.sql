-- Counters that only count up tell a register; people are what it grew by between two readings. Rule source:
-- docs/sources/doors.md. Everything is done in UTC, where the autumn hour does not fall back.
--
-- A mistyped reading must not become an anchor: the reading after it would count too many or seem to fall. Which
-- readings are mistyped can be seen from both sides, without walking row by row: one after which the register comes
-- back to where it was before (within three readings) stood aside of its line. So the window looks three readings
-- back and three ahead, nothing is recursive, and a good reading that is set aside beside a bad one costs
-- resolution only: the difference of its neighbours holds its people.
{%- set reach = 3 %}
{%- set pairs = [] %}
{%- for before in range(1, reach + 1) %}
    {%- for after in range(1, reach + 2 - before) %}
        {%- do pairs.append((before, after)) %}
    {%- endfor %}
{%- endfor %}
{%- set columns = [
    'observation_id', 'source_id', 'device_key', 'line_key', 'line_id', 'read_at', 'register_in', 'register_out',
    'register_modulus', 'register_rate_cap_per_hour', 'is_reset_told', 'is_reset_heard', 'is_settled'
] %}
{%- set series = 'source_id, device_key, line_key, line_id' %}

with observations as (

    select
        observations.*,
        recorded.recorded_receipt_id,
        {{ hour_of(plus_minutes('observations.interval_end_at', '5')) }} as near_hour_at
    from {{ ref('stg_doors__observations') }} as observations
    inner join {{ ref('int_landing__recorded_times') }} as recorded
        on
            observations.source_id = recorded.source_id
            and observations.blob_sha256 = recorded.blob_sha256
    where observations.kind = 'cumulative'

),

tellings as (

    select
        *,
        row_number() over (
            partition by source_id, device_key, line_key, interval_end_at
            order by sent_at desc nulls last, recorded_receipt_id desc, pointer desc
        ) as telling_rank
    from observations

),

-- A poll on the hour comes seconds or minutes beside it. It is taken as read on the hour, or no hour would be whole;
-- the few people between go to the neighbour, and none is lost.
on_the_hour as (

    select
        *,
        case
            when {{ minutes_between('near_hour_at', 'interval_end_at') }} < 5 then near_hour_at
            else interval_end_at
        end as read_at
    from tellings
    where telling_rank = 1

),

ranked as (

    select
        *,
        row_number() over (
            partition by source_id, device_key, line_key, read_at
            order by
                case when value_state = 'observed' then 0 else 1 end,
                abs({{ minutes_between('read_at', 'interval_end_at') }}),
                interval_end_at desc
        ) as reading_rank
    from on_the_hour

),

lines as (

    select * from {{ ref('stg_library__lines') }}

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

readings as (

    select
        ranked.observation_id,
        ranked.source_id,
        ranked.device_key,
        ranked.line_key,
        ranked.read_at,
        ranked.total_in_count as register_in,
        -- where the rule needs no out, a faulty one must not decide what becomes of the reading
        case when lines.rule = 'mean_in_out' or lines.rule is null then ranked.total_out_count end as register_out,
        ranked.value_state = 'observed' and coalesce(ranked.reason_code = 'reset', false) as is_reset_told,
        ranked.reason_code,
        ranked.receipt_id,
        ranked.blob_sha256,
        lines.line_id,
        lines.rule,
        lines.register_modulus,
        lines.register_rate_cap_per_hour,
        ranked.value_state = 'observed'
        and case lines.rule
            when 'mean_in_out' then ranked.total_in_count is not null and ranked.total_out_count is not null
            when 'entries' then ranked.total_in_count is not null
            when 'breaks_halved' then ranked.total_in_count is not null
            else true
        end as is_usable
    from ranked
    cross join settings
    left join {{ ref('int_doors__sensor_day_cuts') }} as cuts
        on {{ sensor_cut_on('cuts', 'ranked', 'ranked.read_at', 'settings.zone') }}
    left join lines
        on
            ranked.source_id = lines.source_id
            and ranked.device_key = lines.device_key
            and ranked.line_key = lines.line_key
            and {{ valid_on('lines', business_day('ranked.read_at', 'settings.zone', 'cuts.cut_minute')) }}
    where ranked.reading_rank = 1

),

-- A counter that says that it was reset says so beside a reading, or on its way to one.
heard as (

    select distinct
        source_id,
        device_key,
        observed_at
    from {{ ref('stg_doors__health') }}
    where metric = 'reset_event'

),

before_resets as (

    select
        *,
        lag(read_at) over (partition by {{ series }} order by read_at) as read_before_at,
        lead(read_at, {{ reach }}) over (partition by {{ series }} order by read_at) is not null as is_settled
    from readings
    where is_usable

),

reset_heard as (

    select distinct before_resets.observation_id
    from before_resets
    inner join heard
        on
            before_resets.source_id = heard.source_id
            and before_resets.device_key = heard.device_key
            and heard.observed_at > before_resets.read_before_at
            and heard.observed_at <= {{ plus_minutes('before_resets.read_at', '5') }}

),

usable as (

    select
        before_resets.*,
        reset_heard.observation_id is not null as is_reset_heard
    from before_resets
    left join reset_heard on before_resets.observation_id = reset_heard.observation_id

),

-- Too low first and too high afterwards, among the rest: a reading that is too low would otherwise be a witness
-- against the good ones above it.
{%- for fault, candidates in (('low', 'usable'), ('high', 'not_low')) %}

    seen_from_both_sides_{{ fault }} as (

        select
            *
            {%- for n in range(1, reach + 1) %}
                {%- for column in ('read_at', 'register_in', 'register_out') %}
                    ,
                    lag({{ column }}, {{ n }}) over (partition by {{ series }} order by read_at) as {{ column }}_before_{{ n }},
                    lead({{ column }}, {{ n }}) over (partition by {{ series }} order by read_at) as {{ column }}_after_{{ n }}
                {%- endfor %}
            {%- endfor %}
        from {{ candidates }}

    ),

    not_{{ fault }} as (

        select
            {{ columns | join(',\n        ') }}
        from seen_from_both_sides_{{ fault }}
        where is_reset_told or is_reset_heard or not coalesce(
            {%- for before, after in pairs %}
                (
                    {{ register_came_back('register_in', before, after) }}
                    and ({{ register_came_back('register_out', before, after) }} or register_out is null)
                    and (
                        {{ register_is_too(fault, 'register_in', before, after) }}
                        or {{ register_is_too(fault, 'register_out', before, after) }}
                    )
                ){{ ' or' if not loop.last }}
            {%- endfor %},
            false
        )

    ),
{%- endfor %}

anchored as (

    select
        *,
        lag(read_at) over (partition by {{ series }} order by read_at) as anchor_at,
        lag(register_in) over (partition by {{ series }} order by read_at) as anchor_register_in,
        lag(register_out) over (partition by {{ series }} order by read_at) as anchor_register_out
    from not_high

),

capped as (

    select
        *,
        register_rate_cap_per_hour * {{ register_hours('anchor_at', 'read_at') }} as most_people
    from anchored

),

stepped as (

    select
        *,
        {{ register_step('register_in') }} as register_in_step,
        {{ register_step('register_out') }} as register_out_step
    from capped

),

judged as (

    select
        *,
        {{ register_people('register_in') }} as people_in,
        {{ register_people('register_out') }} as people_out,
        case
            when 'fall' in (register_in_step, register_out_step) then 'fall'
            when 'jump' in (register_in_step, register_out_step) then 'jump'
            when 'reset' in (register_in_step, register_out_step) then 'reset'
            when 'rollover' in (register_in_step, register_out_step) then 'rollover'
            else 'growth'
        end as step
    from stepped

),

-- A fall that nothing explains is a typing error until three later readings have stayed below: then the gate was
-- changed for another one, and its register is the new anchor.
doubted as (

    select
        *,
        min(case when step = 'fall' and not is_settled then read_at end) over (partition by {{ series }}) as doubted_from
    from judged

),

verdicts as (

    select
        readings.*,
        doubted.step,
        doubted.people_in,
        doubted.people_out,
        coalesce(
            doubted.observation_id is not null
            and (doubted.doubted_from is null or readings.read_at < doubted.doubted_from),
            false
        ) as is_anchor
    from readings
    left join doubted
        on
            readings.observation_id = doubted.observation_id
            and readings.read_at = doubted.read_at

),

spanned as (

    select
        *,
        max(case when is_anchor then read_at end) over (
            partition by {{ series }} order by read_at
            rows between unbounded preceding and 1 preceding
        ) as interval_start_at
    from verdicts

),

final as (

    select
        observation_id,
        source_id,
        device_key,
        line_key,
        interval_start_at,
        read_at as interval_end_at,
        cast(case when is_anchor and rule = 'breaks_halved' then null when is_anchor then people_in end as bigint)
            as in_count,
        cast(case when is_anchor then people_out end as bigint) as out_count,
        cast(case when is_anchor and rule = 'breaks_halved' then people_in end as bigint) as undirected_count,
        case
            when not is_usable then 'not_observed'
            when is_anchor and step in ('growth', 'rollover', 'reset') then 'observed'
            else 'invalid'
        end as value_state,
        case
            when not is_usable then coalesce(reason_code, 'blank')
            when not is_anchor then 'typo'
            when step = 'jump' then 'register_jump'
            when step = 'fall' then 'register_changed'
            when step in ('reset', 'rollover') then step
        end as reason_code,
        is_anchor and step = 'reset' as is_lower_bound,
        receipt_id,
        blob_sha256
    from spanned
    -- the first reading of a register says nothing about people
    where interval_start_at is not null

)

select
    observation_id,
    source_id,
    device_key,
    line_key,
    interval_start_at,
    interval_end_at,
    case when value_state = 'observed' then in_count end as in_count,
    case when value_state = 'observed' then out_count end as out_count,
    case when value_state = 'observed' then undirected_count end as undirected_count,
    value_state,
    reason_code,
    is_lower_bound,
    receipt_id,
    blob_sha256
from final
