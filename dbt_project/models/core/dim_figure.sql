select
    figure_id,
    definition_version,
    figure_name,
    domain,
    unit,
    aggregation,
    growth_kind,
    decimals,
    definition,
    rule_source,
    owner
from {{ ref('stg_library__figures') }}
