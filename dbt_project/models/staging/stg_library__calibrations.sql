select
    line_id,
    factor,
    evidence,
    valid_from,
    valid_to
from {{ source('library', 'calibrations') }}
