select
    partner_id,
    partner_name,
    organisation_number,
    is_baseline
from {{ source('library', 'partners') }}
