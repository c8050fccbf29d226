select
    partner_id,
    alias
from {{ source('library', 'partner_aliases') }}
