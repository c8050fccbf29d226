-- What holds of each metric of an account in each of its windows, beside what was told of it first. A metric without a
-- window (demographics) has one row per moment at which it was asked.
with readings as (

    select
        *,
        {{ adapter_of('parser') }} as adapter,
        coalesce(window_end_at, observed_at) as grain_at
    from {{ ref('stg_instagram__metrics') }}
    where subject_kind = 'account'

),

ranked as (

    select
        *,
        row_number() over (
            partition by account_id, metric, period, breakdown, window_start_at, grain_at
            order by
                case when value_status = 'measured' then 0 else 1 end asc, {{ telling_precedence('adapter') }} asc,
                observed_at desc, received_at desc, receipt_id desc, pointer desc
        ) as telling_rank,
        row_number() over (
            partition by account_id, metric, period, breakdown, window_start_at, grain_at
            order by
                case when value_status = 'measured' then 0 else 1 end, observed_at, received_at, receipt_id, pointer
        ) as first_rank
    from readings

),

merged as (

    select
        account_id,
        metric,
        period,
        breakdown,
        window_start_at,
        max(window_end_at) as window_end_at,
        grain_at,
        max(day_zone) as day_zone,
        {% for column in ['value', 'value_status', 'observed_at', 'source_id', 'receipt_id', 'blob_sha256'] %}
            max(case when telling_rank = 1 then {{ column }} end) as {{ column }},
        {% endfor %}
        max(case when first_rank = 1 then value end) as first_value,
        max(case when first_rank = 1 then observed_at end) as first_observed_at,
        count(*) as reading_count
    from ranked
    group by account_id, metric, period, breakdown, window_start_at, grain_at

),

dated as (

    select
        merged.*,
        cast(round({{ minutes_between('merged.window_start_at', 'merged.window_end_at') }} / 1440.0) as int)
            as window_days,
        -- the last day of the window, by the calendar whose midnights cut it
        cast({{ to_local(
            plus_minutes('merged.grain_at', "(case when merged.window_end_at is null then 0 else -1 end)"),
            "coalesce(merged.day_zone, settings.zone)"
        ) }} as date) as metric_on
    from merged
    cross join {{ ref('stg_library__settings') }} as settings

),

final as (

    select
        dated.account_id,
        accounts.area_id,
        dated.metric,
        dated.period,
        dated.breakdown,
        dated.window_start_at,
        dated.window_end_at,
        dated.day_zone,
        dated.window_days,
        dated.metric_on,
        dated.value,
        dated.value_status,
        dated.observed_at,
        dated.first_value,
        dated.first_observed_at,
        dated.reading_count,
        -- the platform's numbers may come 48 hours late, and are asked for again on three days
        coalesce(dated.observed_at >= {{ plus_minutes('dated.window_end_at', 4320) }}, false) as is_final,
        dated.source_id,
        dated.receipt_id,
        dated.blob_sha256
    from dated
    left join {{ ref('stg_library__accounts') }} as accounts
        on
            dated.account_id = accounts.account_id
            and {{ valid_on('accounts', 'dated.metric_on') }}

)

select * from final
