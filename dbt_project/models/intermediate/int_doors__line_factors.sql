-- Days of a line on which its counts are multiplied by a measured factor. All other days have no row.
select
    expected.line_id,
    expected.local_date,
    calibrations.factor as calibration_factor
from {{ ref('int_doors__expected_line_days') }} as expected
inner join {{ ref('stg_library__calibrations') }} as calibrations
    on
        expected.line_id = calibrations.line_id
        and {{ valid_on('calibrations', 'expected.local_date') }}
