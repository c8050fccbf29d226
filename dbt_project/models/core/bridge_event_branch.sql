select
    event_id,
    branch_id,
    area_id,
    branch_role,
    branch_rule,
    share
from {{ ref('int_events__branch_shares') }}
