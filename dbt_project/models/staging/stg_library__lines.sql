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
    valid_to,
    register_modulus,
    register_rate_cap_per_hour
from {{ source('library', 'lines') }}
