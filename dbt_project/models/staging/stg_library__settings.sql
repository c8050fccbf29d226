select
    library_id,
    library_name,
    zone,
    is_simulated,
    start_on,
    end_on,
    least_quantity_share
from {{ source('library', 'settings') }}
