select
    branch_id,
    branch_name,
    valid_from,
    valid_to
from {{ ref('stg_library__branches') }}
