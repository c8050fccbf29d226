{#- What int_doors__register_intervals says of registers. `register` is register_in or register_out. -#}

{#- Hours between two readings; readings closer than an hour may still bring an hour's people. -#}
{% macro register_hours(earlier, later) %}greatest({{ minutes_between(earlier, later) }} / 60, 1){% endmacro %}

{#- Whether the register is, some readings later, where it was some readings before, or as much further as people
    could bring it. -#}
{% macro register_came_back(register, before, after) -%}
({{ register }}_after_{{ after }} >= {{ register }}_before_{{ before }}
    and (register_rate_cap_per_hour is null
        or {{ register }}_after_{{ after }} - {{ register }}_before_{{ before }}
        <= register_rate_cap_per_hour * {{ register_hours('read_at_before_' ~ before, 'read_at_after_' ~ after) }}))
{%- endmacro %}

{#- Whether a reading is lower than one before it, or higher than one after it. A tenth or less after it is rather a
    reset, unless the step up to it was larger than the door. -#}
{% macro register_is_too(fault, register, before, after) -%}
{%- if fault == 'low' -%}
{{ register }} < {{ register }}_before_{{ before }}
{%- else -%}
({{ register }} > {{ register }}_after_{{ after }}
    and ({{ register }}_after_{{ after }} * 10 > {{ register }}
        or {{ register }} - {{ register }}_before_{{ before }}
        > register_rate_cap_per_hour * {{ register_hours('read_at_before_' ~ before, 'read_at') }}))
{%- endif -%}
{%- endmacro %}

{#- What happened to one register since the anchor. A fall is a reset where the register is no more than people could
    bring since, and no more than a tenth of what it was or three later readings stayed below; near its modulus it may
    be a rollover. -#}
{% macro register_step(register) -%}
case
    when {{ register }} is null or anchor_{{ register }} is null then null
    when is_reset_told then 'reset'
    when {{ register }} >= anchor_{{ register }}
        then case when {{ register }} - anchor_{{ register }} > most_people then 'jump' else 'growth' end
    when is_reset_heard then 'reset'
    when
        {{ register }} < register_modulus
        and anchor_{{ register }} < register_modulus
        and anchor_{{ register }} >= 0.8 * register_modulus
        and {{ register }} + register_modulus - anchor_{{ register }} <= coalesce(most_people, 0.2 * register_modulus)
        then 'rollover'
    when
        (register_modulus is null or anchor_{{ register }} < 0.8 * register_modulus)
        and (most_people is null or {{ register }} <= most_people)
        and ({{ register }} * 10 <= anchor_{{ register }} or (most_people is not null and is_settled))
        then 'reset'
    else 'fall'
end
{%- endmacro %}

{#- The people that a step stands for. A rollover adds the modulus itself: from 65,535 to 0 is one person. -#}
{% macro register_people(register) -%}
case {{ register }}_step
    when 'growth' then {{ register }} - anchor_{{ register }}
    when 'rollover' then {{ register }} + register_modulus - anchor_{{ register }}
    when 'reset' then {{ register }}
end
{%- endmacro %}

{#- Displays are read minutes before closing or after opening: such a reading counts as made at the edge of the day. -#}
{% macro edge_of_day(moment, day, patience) -%}
case
    when {{ moment }} < {{ day }}.closes_at and {{ plus_minutes(moment, patience) }} >= {{ day }}.closes_at
        then {{ day }}.closes_at
    when {{ moment }} > {{ day }}.opens_at and {{ plus_minutes(moment, '-' ~ patience) }} <= {{ day }}.opens_at
        then {{ day }}.opens_at
    else {{ moment }}
end
{%- endmacro %}
