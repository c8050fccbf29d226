select
    area_id,
    area_name,
    valid_from,
    valid_to
from {{ source('library', 'areas') }}
