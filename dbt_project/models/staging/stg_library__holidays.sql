select
    holiday_on,
    holiday_name
from {{ source('library', 'holidays') }}
