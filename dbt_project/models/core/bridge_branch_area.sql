select
    branch_id,
    area_id,
    valid_from,
    valid_to
from {{ ref('stg_library__branch_areas') }}
