select
    library_id,
    library_name,
    zone,
    is_simulated,
    start_on,
    end_on
from {{ source('library', 'settings') }}
