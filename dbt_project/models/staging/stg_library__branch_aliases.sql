select
    branch_id,
    alias
from {{ source('library', 'branch_aliases') }}
