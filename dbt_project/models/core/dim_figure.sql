select
    figure_id,
    definition_version,
    figure_name,
    domain,
    unit,
    aggregation,
    decimals,
    definition,
    rule_source,
    owner
from {{ ref('stg_library__figures') }}
