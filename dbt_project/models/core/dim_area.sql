select
    area_id,
    area_name,
    valid_from,
    valid_to
from {{ ref('stg_library__areas') }}
