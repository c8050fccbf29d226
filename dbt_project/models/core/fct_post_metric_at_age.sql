-- Posts compare at one age only: an old one has had longer to be seen. An export does not say when its numbers were
-- taken, so only sources with a moment of their own can freeze a value.
with readings as (

    select * from {{ ref('int_social__metric_readings') }}
    where
        breakdown = ''
        and adapter in ('instagram_graph', 'instagram_connector_tables')
        and posted_at is not null
        and coalesce(product_type, 'FEED') <> 'STORY'

),

ages as (

    {% for days in var('frozen_ages_days') %}
        select
            {{ days }} as frozen_age_days,
            {{ days * 1440 }} as from_minutes,
            {{ (days + [1, days * var('frozen_age_slack_share')] | max) * 1440 }} as to_minutes
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

measured as (

    select distinct
        account_id,
        post_id,
        metric,
        posted_at
    from readings

),

-- an age that has not passed has no row
due as (

    select
        measured.account_id,
        measured.post_id,
        measured.metric,
        ages.frozen_age_days,
        ages.from_minutes,
        ages.to_minutes
    from measured
    inner join ages on {{ minutes_between('measured.posted_at', as_of()) }} >= ages.to_minutes

),

ranked as (

    select
        due.account_id,
        due.post_id,
        due.metric,
        due.frozen_age_days,
        readings.value,
        readings.value_status,
        readings.observed_at,
        readings.source_id,
        row_number() over (
            partition by due.account_id, due.post_id, due.metric, due.frozen_age_days
            order by
                case when readings.value_status = 'measured' then 0 else 1 end, readings.precedence,
                readings.observed_at, readings.received_at, readings.source_id
        ) as reading_rank
    from due
    left join readings
        on
            due.account_id = readings.account_id
            and due.post_id = readings.post_id
            and due.metric = readings.metric
            and {{ minutes_between('readings.posted_at', 'readings.observed_at') }} >= due.from_minutes
            and {{ minutes_between('readings.posted_at', 'readings.observed_at') }} <= due.to_minutes

),

final as (

    select
        account_id,
        post_id,
        metric,
        frozen_age_days,
        value,
        coalesce({{ published_status('value_status', 'value') }}, 'not_collected') as value_status,
        observed_at,
        source_id
    from ranked
    where reading_rank = 1

)

select * from final
