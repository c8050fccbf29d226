select
    branch_id,
    broke_on,
    reason
from {{ source('library', 'structural_breaks') }}
