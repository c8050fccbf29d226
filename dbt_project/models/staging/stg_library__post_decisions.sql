select
    post,
    branch_id,
    reason,
    decided_by
from {{ source('library', 'post_decisions') }}
