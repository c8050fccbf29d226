select
    rule_id,
    rule_number,
    kind,
    hashtag,
    caption_reference,
    branch_id,
    theme_id,
    valid_from,
    valid_to,
    reason
from {{ source('library', 'post_rules') }}
