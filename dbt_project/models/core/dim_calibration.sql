select
    line_id,
    valid_from,
    valid_to,
    factor as calibration_factor,
    evidence as calibration_evidence
from {{ ref('stg_library__calibrations') }}
