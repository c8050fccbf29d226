select
    frozen_on,
    author_role,
    partner_count
from {{ source('library', 'partner_baseline') }}
