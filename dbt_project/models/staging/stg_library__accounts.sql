select
    account_id,
    platform,
    area_id,
    valid_from,
    valid_to
from {{ source('library', 'accounts') }}
