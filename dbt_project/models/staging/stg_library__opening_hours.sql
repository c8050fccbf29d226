select
    branch_id,
    weekday,
    opens_minute,
    closes_minute,
    service,
    valid_from,
    valid_to
from {{ source('library', 'opening_hours') }}
