select
    branch_id,
    branch_name,
    valid_from,
    valid_to
from {{ source('library', 'branches') }}
