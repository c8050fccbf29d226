{#- What DuckDB, Postgres and Spark say differently. `default__` serves DuckDB and Postgres. -#}

{#- Naive UTC to naive local time. -#}
{% macro to_local(moment, zone) %}{{ return(adapter.dispatch('to_local', 'levende')(moment, zone)) }}{% endmacro %}
{% macro default__to_local(moment, zone) %}(({{ moment }} at time zone 'UTC') at time zone {{ zone }}){% endmacro %}
{% macro spark__to_local(moment, zone) %}convert_timezone('UTC', {{ zone }}, {{ moment }}){% endmacro %}

{#- Naive local time to naive UTC. In the doubled autumn hour the engines take the earlier or later one; opening
    hours never begin there. -#}
{% macro to_utc(moment, zone) %}{{ return(adapter.dispatch('to_utc', 'levende')(moment, zone)) }}{% endmacro %}
{% macro default__to_utc(moment, zone) %}(({{ moment }} at time zone {{ zone }}) at time zone 'UTC'){% endmacro %}
{% macro spark__to_utc(moment, zone) %}convert_timezone({{ zone }}, 'UTC', {{ moment }}){% endmacro %}

{% macro minutes_between(earlier, later) %}{{ return(adapter.dispatch('minutes_between', 'levende')(earlier, later)) }}{% endmacro %}
{% macro default__minutes_between(earlier, later) %}(extract(epoch from ({{ later }} - {{ earlier }})) / 60.0){% endmacro %}
{% macro spark__minutes_between(earlier, later) %}(timestampdiff(second, {{ earlier }}, {{ later }}) / 60.0){% endmacro %}

{% macro plus_minutes(moment, minutes) %}{{ return(adapter.dispatch('plus_minutes', 'levende')(moment, minutes)) }}{% endmacro %}
{% macro default__plus_minutes(moment, minutes) %}({{ moment }} + {{ minutes }} * interval '1 minute'){% endmacro %}
{% macro spark__plus_minutes(moment, minutes) %}timestampadd(minute, {{ minutes }}, {{ moment }}){% endmacro %}

{% macro days_between(earlier, later) %}{{ return(adapter.dispatch('days_between', 'levende')(earlier, later)) }}{% endmacro %}
{% macro default__days_between(earlier, later) %}(cast({{ later }} as date) - cast({{ earlier }} as date)){% endmacro %}
{% macro spark__days_between(earlier, later) %}datediff(cast({{ later }} as date), cast({{ earlier }} as date)){% endmacro %}

{% macro isodow(day) %}{{ return(adapter.dispatch('isodow', 'levende')(day)) }}{% endmacro %}
{% macro default__isodow(day) %}cast(extract(isodow from {{ day }}) as int){% endmacro %}
{% macro spark__isodow(day) %}cast(extract(dow_iso from {{ day }}) as int){% endmacro %}

{#- One row per day from the first to the last of two date columns of a relation, both included. -#}
{% macro day_series(relation, first_column, last_column) %}{{ return(adapter.dispatch('day_series', 'levende')(relation, first_column, last_column)) }}{% endmacro %}
{% macro default__day_series(relation, first_column, last_column) %}
select cast(series.moment as date) as local_date
from {{ relation }}
cross join lateral (
    select unnest(generate_series(
        cast({{ first_column }} as timestamp), cast({{ last_column }} as timestamp), interval '1 day'
    )) as moment
) as series
{% endmacro %}
{% macro postgres__day_series(relation, first_column, last_column) %}
select cast(series.moment as date) as local_date
from {{ relation }}
cross join lateral generate_series(
    cast({{ first_column }} as timestamp), cast({{ last_column }} as timestamp), interval '1 day'
) as series (moment)
{% endmacro %}
{% macro spark__day_series(relation, first_column, last_column) %}
select explode(sequence({{ first_column }}, {{ last_column }}, interval 1 day)) as local_date from {{ relation }}
{% endmacro %}

{#- Rows of a text joined by ` | `. -#}
{% macro split_rows(column) %}{{ return(adapter.dispatch('split_rows', 'levende')(column)) }}{% endmacro %}
{% macro default__split_rows(column) %}unnest(string_to_array({{ column }}, ' | ')){% endmacro %}
{% macro spark__split_rows(column) %}explode(split({{ column }}, ' [|] ')){% endmacro %}

{% macro matches(column, pattern) %}{{ return(adapter.dispatch('matches', 'levende')(column, pattern)) }}{% endmacro %}
{% macro default__matches(column, pattern) %}regexp_matches({{ column }}, {{ pattern }}){% endmacro %}
{% macro postgres__matches(column, pattern) %}({{ column }} ~ {{ pattern }}){% endmacro %}
{% macro spark__matches(column, pattern) %}({{ column }} rlike {{ pattern }}){% endmacro %}

{#- First day of the period that a day lies in, and of the next one. Weeks begin on Monday. -#}
{% macro period_start(kind, day) %}cast({{ dbt.date_trunc(kind, day) }} as date){% endmacro %}
{% macro period_end(kind, day) %}cast({{ dbt.dateadd(kind if kind != 'quarter' else 'month', 1 if kind != 'quarter' else 3, period_start(kind, day)) }} as date){% endmacro %}

{#- A moment as people read it: local time to the minute. Null stays null. -#}
{% macro moment_text(moment, zone) %}substring(cast({{ to_local(moment, zone) }} as {{ dbt.type_string() }}), 1, 16){% endmacro %}

{#- A number as people read it, without decimals. -#}
{% macro whole_text(number) %}cast(cast(round({{ number }}) as bigint) as {{ dbt.type_string() }}){% endmacro %}

{#- The hour a moment lies in, UTC. -#}
{% macro hour_of(moment) %}cast({{ dbt.date_trunc('hour', moment) }} as timestamp){% endmacro %}

{#- The moment as of which all is told, naive UTC. -#}
{% macro as_of() %}cast('{{ var("as_of") }}' as timestamp){% endmacro %}

{#- Valid on a day: from included, to excluded, open when null. -#}
{% macro valid_on(relation, day) %}({{ relation }}.valid_from <= {{ day }} and ({{ relation }}.valid_to is null or {{ relation }}.valid_to > {{ day }})){% endmacro %}

{#- Visits from summed counts by the line's rule. Sums come in, so an odd total is halved once and never rounded.
    Rule source: docs/figures.md. -#}
{% macro visits_by_rule(rule, in_count, out_count, undirected_count) %}
case {{ rule }}
    when 'mean_in_out' then (cast({{ in_count }} as double precision) + {{ out_count }}) / 2
    when 'breaks_halved' then cast({{ undirected_count }} as double precision) / 2
    when 'entries' then cast({{ in_count }} as double precision)
end
{% endmacro %}

{#- Number of the week that a day lies in, counted from a Monday: weeks before and after compare by it. -#}
{% macro week_number(day) %}cast(floor({{ days_between("cast('2001-01-01' as date)", day) }} / 7.0) as int){% endmacro %}

{#- A sum of fractions that is the same to the last bit in whatever order an engine adds: each term is rounded to twelve
    decimals, and decimals add exactly. Sums of whole numbers and of halves need no such care. -#}
{% macro exact_sum(expression, over="") -%}
cast(sum(cast({{ expression }} as decimal(38, 12))){{ " over " ~ over if over }} as double precision)
{%- endmacro %}

{#- A sum of shares of whole things, to nine decimals: the same in whatever order they are added, and three thirds are one. -#}
{% macro share_sum(expression) -%}
cast(round(sum(cast({{ expression }} as decimal(38, 12))), 9) as double precision)
{%- endmacro %}

{#- Of sums of shares, what they make together: to six decimals, for each was rounded itself. -#}
{% macro whole_again(expression) -%}
cast(round(cast({{ expression }} as decimal(38, 12)), 6) as double precision)
{%- endmacro %}

{#- A count as people read it: without decimals, but with two where events are shared. -#}
{% macro count_text(number) -%}
case
    when round({{ number }}) = {{ number }} then {{ whole_text(number) }}
    else cast(round(cast({{ number }} as decimal(38, 12)), 2) as {{ dbt.type_string() }})
end
{%- endmacro %}
