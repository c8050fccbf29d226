-- Two names of one series: whoever posts a programme elsewhere may call it by a name of his own, week after week. They
-- meet on most days of the one that is told less, and neither is the name of something else.
with meetings as (

    select * from {{ ref('int_events__meetings') }}

),

name_days as (

    select * from {{ ref('int_events__name_days') }}

),

names_in_use as (

    select * from {{ ref('int_events__names_in_use') }}

),

final as (

    select meetings.*
    from meetings
    inner join name_days
        on
            meetings.source_id = name_days.source_id
            and meetings.branch_key = name_days.branch_key
            and meetings.title_key = name_days.title_key
    inner join name_days as other_days
        on
            meetings.other_source_id = other_days.source_id
            and meetings.other_branch_key = other_days.branch_key
            and meetings.other_title_key = other_days.title_key
    left join names_in_use
        on
            meetings.source_id = names_in_use.source_id
            and meetings.other_source_id = names_in_use.other_source_id
            and meetings.told_branch_id = names_in_use.told_branch_id
            and meetings.title_key = names_in_use.title_key
            and meetings.other_title_key = names_in_use.other_title_key
    where
        names_in_use.source_id is null
        and 2 * meetings.day_count >= least(name_days.day_count, other_days.day_count)

)

select * from final
