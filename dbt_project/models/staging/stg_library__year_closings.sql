select
    closed_year,
    closed_on,
    author_role
from {{ source('library', 'year_closings') }}
