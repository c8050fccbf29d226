{{ config(post_hook="{{ drop_what_no_model_makes() }}") }}
-- Every published number in one shape. Numbers that could not be told are rows too: null with a status and a note.
with told as (

    select * from {{ ref('int_figures__visits') }}
    union all
    select * from {{ ref('int_figures__visits_by_service') }}
    union all
    select * from {{ ref('int_figures__events') }}
    union all
    select * from {{ ref('int_figures__partners') }}
    union all
    select * from {{ ref('int_figures__social') }}

),

definitions as (

    select * from {{ ref('dim_figure') }}

),

areas as (

    select * from {{ ref('dim_area') }}

),

horizon as (

    select * from {{ ref('int_calendar__horizon') }}

),

-- The first year after a described break in what is counted.
broken as (

    select distinct
        told.figure_id,
        told.area_id,
        told.branch_id,
        told.period_kind,
        told.period_start
    from told
    inner join definitions
        on
            told.figure_id = definitions.figure_id
            and definitions.domain = 'visits'
    inner join {{ ref('int_visits__series_breaks') }} as visit_breaks
        on
            told.area_id = visit_breaks.area_id
            and coalesce(told.branch_id, '') = coalesce(visit_breaks.branch_id, '')
            and told.period_end > visit_breaks.broke_on
            and told.period_start < {{ dbt.dateadd('year', 1, 'visit_breaks.broke_on') }}

),

final as (

    select
        told.figure_id,
        definitions.definition_version,
        told.area_id,
        told.branch_id,
        told.period_kind,
        told.period_start,
        told.period_end,
        cast(told.value as double precision) as value,
        cast(told.value_low as double precision) as value_low,
        cast(told.value_high as double precision) as value_high,
        definitions.unit,
        cast(told.observed_share as double precision) as observed_share,
        cast(told.quantity_share as double precision) as quantity_share,
        told.method,
        told.status_value,
        -- Sources may be asked again for 30 days and correct themselves; see docs/figures.md.
        case
            when told.period_end > {{ dbt.dateadd('day', -30, 'cast(' ~ as_of() ~ ' as date)') }} then 'P'
            else ''
        end as status_publication,
        -- The first year of an area that came about during reporting compares with no year before it.
        case
            when
                areas.valid_from > horizon.start_on
                and told.period_start < {{ dbt.dateadd('year', 1, 'areas.valid_from') }}
                then 'B'
            -- Likewise the first year of a metric that took the place of another.
            when
                told.period_end > series_breaks.broke_on
                and told.period_start < {{ dbt.dateadd('year', 1, 'series_breaks.broke_on') }}
                then 'B'
            when broken.figure_id is not null then 'B'
            -- How far sample weeks lie from their year differs by more than a year's growth.
            when told.method = 'sample_week' and coalesce(1 - told.quantity_share, 1) > {{ var('noisy_sample_share') }} then 'D'
            else ''
        end as comparability,
        coalesce(told.note, '') as note,
        {{ as_of() }} as as_of,
        '{{ var("data_version") }}' as data_version
    from told
    inner join definitions on told.figure_id = definitions.figure_id
    inner join areas on told.area_id = areas.area_id
    left join {{ ref('int_social__series_breaks') }} as series_breaks
        on
            told.figure_id = series_breaks.figure_id
            and told.area_id = series_breaks.area_id
    left join broken
        on
            told.figure_id = broken.figure_id
            and told.area_id = broken.area_id
            and coalesce(told.branch_id, '') = coalesce(broken.branch_id, '')
            and told.period_kind = broken.period_kind
            and told.period_start = broken.period_start
    cross join horizon

)

select * from final
