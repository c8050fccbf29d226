select
    account_id,
    area_id,
    observed_at,
    observed_on,
    followers_count,
    follows_count,
    media_count
from {{ ref('int_social__snapshots') }}
