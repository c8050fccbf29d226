select
    branch_id,
    exception_number,
    first_on,
    last_on,
    kind,
    opens_minute,
    closes_minute,
    reason
from {{ source('library', 'opening_exceptions') }}
