{#- Lengths of the blocks that are masked to learn the error of estimates: grain, name, unit and size. -#}
{% macro masked_lengths() %}
{{ return([
    ('hour', '1 hour', 'hour', 1), ('hour', '3 hours', 'hour', 3), ('hour', '1 day', 'day', 1),
    ('hour', '3 days', 'day', 3), ('hour', '10 days', 'day', 10), ('hour', '30 days', 'day', 30),
    ('hour', '90 days', 'day', 90),
    ('day', '1 day', 'day', 1), ('day', '3 days', 'day', 3), ('day', '10 days', 'day', 10),
    ('day', '30 days', 'day', 30), ('day', '90 days', 'day', 90),
    ('month', '1 month', 'month', 1), ('month', '2 months', 'month', 2), ('month', '4 months', 'month', 4),
]) }}
{% endmacro %}
