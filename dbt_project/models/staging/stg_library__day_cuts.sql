select
    branch_id,
    cut_minute,
    valid_from,
    valid_to
from {{ source('library', 'day_cuts') }}
where cut_minute > 0
