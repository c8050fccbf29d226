select
    partner_id,
    organisation_id,
    valid_from,
    valid_to
from {{ source('library', 'partner_organisations') }}
