{#- Which day door counts belong to. A branch's day is cut at midnight unless `day_cuts` says later; whatever makes a date
    of a count's time comes through these macros, so that hours, opening, estimates and figures cut alike. Stored times
    stay UTC. Events' and posts' dates are calendar dates and do not come here. Rule source: docs/figures.md. -#}

{#- The moment, UTC, at which a local day begins: its midnight, or `cut_minute` later. -#}
{% macro day_start(day, zone, cut_minute) -%}
{{ to_utc(plus_minutes('cast(' ~ day ~ ' as timestamp)', 'coalesce(' ~ cut_minute ~ ', 0)'), zone) }}
{%- endmacro %}

{#- The local day that a moment in UTC belongs to. `cut_minute` is the cut of the calendar date that the moment lies on.
    Compared in UTC, where time does not fall back. -#}
{% macro business_day(moment, zone, cut_minute) -%}
cast(
    case
        when
            {{ cut_minute }} > 0
            and {{ moment }} < {{ day_start('cast(' ~ to_local(moment, zone) ~ ' as date)', zone, cut_minute) }}
            then {{ dbt.dateadd('day', -1, 'cast(' ~ to_local(moment, zone) ~ ' as date)') }}
        else {{ to_local(moment, zone) }}
    end as date
)
{%- endmacro %}

{#- A sensor's cut on the calendar date of a moment: joins int_doors__sensor_day_cuts, at most one row. -#}
{% macro sensor_cut_on(cuts, sensor, moment, zone) -%}
    {{ sensor }}.source_id = {{ cuts }}.source_id
    and {{ sensor }}.device_key = {{ cuts }}.device_key
    and {{ sensor }}.line_key = {{ cuts }}.line_key
    and {{ valid_on(cuts, 'cast(' ~ to_local(moment, zone) ~ ' as date)') }}
{%- endmacro %}
