select
    account_id,
    post_id,
    area_id,
    posted_on,
    attribution,
    branch_id,
    rule_kind,
    rule_id,
    reason,
    weight
from {{ ref('int_social__post_branches') }}
