-- The metrics of macros/social.sql as a table, so that a reader sees beside a number whether it may be added.
with definitions as (

    {% for metric, definition in metric_definitions().items() %}
        select
            '{{ metric }}' as metric,
            {{ 'true' if definition[0] else 'false' }} as is_additive,
            '{{ definition[0] | join(' ') }}' as additive_over,
            '{{ definition[1] }}' as unit,
            {{ "cast('" ~ definition[2] ~ "' as date)" if definition[2] else 'cast(null as date)' }} as since_on,
            {{ "cast('" ~ definition[3] ~ "' as date)" if definition[3] else 'cast(null as date)' }} as until_on,
            '{{ 'impressions' if metric == 'views' else '' }}' as replaced_metric,
            '{{ definition[4] | replace("'", "''") }}' as definition
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        metric,
        is_additive,
        additive_over,
        unit,
        since_on,
        until_on,
        replaced_metric,
        definition
    from definitions

)

select * from final
