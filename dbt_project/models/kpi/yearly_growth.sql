-- Growth from unrounded values, and only between two years that mean the same: one definition, one area version, no
-- break. Shares of growth are refused where the base is missing or zero, and for figures of which they say nothing: a
-- share's change is told in percentage points, a number of days has none.
with years as (

    select
        *,
        cast(extract(year from period_start) as int) as year
    from {{ ref('figures') }}
    where period_kind = 'year'

),

definitions as (

    select
        figure_id,
        definition_version,
        growth_kind
    from {{ ref('dim_figure') }}

),

paired as (

    select
        years.figure_id,
        years.definition_version,
        years.area_id,
        years.branch_id,
        years.year,
        years.value,
        years.comparability,
        years.status_value,
        coalesce(definitions.growth_kind, 'share') as growth_kind,
        base.value as base_value,
        base.comparability as base_comparability,
        base.definition_version as base_definition_version
    from years
    left join years as base
        on
            years.figure_id = base.figure_id
            and years.area_id = base.area_id
            and coalesce(years.branch_id, '') = coalesce(base.branch_id, '')
            and years.year = base.year + 1
    left join definitions
        on
            years.figure_id = definitions.figure_id
            and years.definition_version = definitions.definition_version

),

final as (

    select
        figure_id,
        area_id,
        branch_id,
        year,
        value,
        base_value,
        case
            when
                growth_kind = 'share' and comparability = '' and base_comparability <> 'D'
                and definition_version = base_definition_version
                and base_value > 0
                then (value - base_value) / base_value
        end as growth_share,
        case
            when
                growth_kind = 'points' and comparability = '' and base_comparability <> 'D'
                and definition_version = base_definition_version
                then 100 * (value - base_value)
        end as growth_points,
        growth_kind,
        case
            when comparability <> '' then comparability
            when base_definition_version <> definition_version or base_comparability = 'D' then 'D'
            else ''
        end as comparability,
        status_value
    from paired

)

select * from final
