select
    partner_id,
    partner_name,
    organisation_number,
    unit_id,
    is_baseline
from {{ source('library', 'partners') }}
