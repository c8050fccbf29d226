-- What a person should look at. Nothing here changes a value; what is open makes a range around events_held
-- (int_events__count_bounds), and a decision in library.yaml closes what it speaks of.
with doubts as (

    select * from {{ ref('int_events__doubts') }}

)

select
    doubt_kind,
    source_id,
    subject_id,
    event_id,
    noticed_at,
    message,
    next_action,
    is_open
from doubts
