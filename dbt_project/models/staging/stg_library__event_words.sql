select
    kind,
    word,
    means,
    reviewed_on
from {{ source('library', 'event_words') }}
