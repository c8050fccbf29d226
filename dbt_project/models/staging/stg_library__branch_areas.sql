select
    branch_id,
    area_id,
    valid_from,
    valid_to
from {{ source('library', 'branch_areas') }}
