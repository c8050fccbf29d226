select
    line_id,
    branch_id,
    source_id,
    device_key,
    line_key,
    door,
    role,
    rule,
    valid_from,
    valid_to
from {{ ref('stg_library__lines') }}
