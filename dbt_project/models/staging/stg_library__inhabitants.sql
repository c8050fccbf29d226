select
    area_id,
    counted_on,
    inhabitant_count,
    count_source
from {{ source('library', 'inhabitants') }}
