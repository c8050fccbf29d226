-- Every two claims of different feeds that could be one event, and how alike they are: points for start, branch, words,
-- end, page and id (docs/events.md). Whether that is enough is decided elsewhere.
with claims as (

    select * from {{ ref('int_events__claims') }}
    where claim_id = posting_id and is_public

),

settings as (

    select * from {{ ref('stg_library__event_identity') }}

),

blocks as (

    select * from {{ ref('int_events__claim_blocks') }}

),

likeness as (

    select * from {{ ref('int_events__title_likeness') }}

),

compared as (

    select
        blocks.claim_id,
        blocks.other_claim_id,
        claims.source_id,
        others.source_id as other_source_id,
        claims.branch_id,
        claims.start_on,
        claims.title,
        others.title as other_title,
        claims.title_key,
        others.title_key as other_title_key,
        claims.total_weight,
        others.total_weight as other_weight,
        blocks.verdict,
        blocks.reason,
        claims.has_time and others.has_time as is_timed,
        claims.has_time <> others.has_time as is_half_timed,
        case when claims.has_time then claims.start_at else others.start_at end as timed_start_at,
        least(
            abs({{ minutes_between('claims.start_at', 'others.start_at') }}),
            case
                when claims.is_moved then abs({{ minutes_between('claims.original_start_at', 'others.start_at') }})
                else 1000000
            end,
            case
                when others.is_moved then abs({{ minutes_between('claims.start_at', 'others.original_start_at') }})
                else 1000000
            end
        ) as minutes_apart,
        settings.start_tolerance_minutes,
        claims.start_on = others.start_on as is_same_day,
        claims.end_on = others.end_on as is_same_end_day,
        claims.end_at = others.end_at and claims.end_at > claims.start_at as is_same_end,
        claims.end_at <= claims.start_at or others.end_at <= others.start_at as is_open_end,
        claims.branch_id is not null and claims.branch_id = others.branch_id as is_same_branch,
        claims.branch_id is not null and others.branch_id is not null and claims.branch_id <> others.branch_id
        and coalesce(claims.titled_branch_id <> others.branch_id, true)
        and coalesce(others.titled_branch_id <> claims.branch_id, true) as is_other_branch,
        others.branch_id as other_branch_id,
        claims.start_at,
        claims.end_at,
        others.start_at as other_start_at,
        others.end_at as other_end_at,
        claims.branch_id is null and others.branch_id is null and claims.place_key <> ''
        and claims.place_key = others.place_key as is_same_place,
        coalesce(claims.page = others.page, false) as is_same_page,
        claims.series_id = others.series_id and claims.slot = others.slot and length(claims.series_id) >= 12
            as is_same_id,
        claims.number_key is not null and others.number_key is not null and claims.number_key <> others.number_key
            as is_other_number
    from blocks
    inner join claims on blocks.claim_id = claims.claim_id
    inner join claims as others on blocks.other_claim_id = others.claim_id
    cross join settings

),

-- Two things of one name do not overlap at one branch: by half of the shorter they are one, told with the hour at which
-- doors open, or with a wrong one.
final as (

    select
        compared.*,
        case
            when compared.is_timed and compared.minutes_apart = 0 then 45
            when compared.is_timed and compared.minutes_apart <= 5 then 42
            when compared.is_timed and compared.minutes_apart <= 15 then 35
            when compared.is_timed and compared.minutes_apart <= compared.start_tolerance_minutes then 30
            when
                compared.is_timed
                and (compared.is_same_branch or compared.is_same_place)
                and likeness.title_points >= 27
                and 2 * {{ minutes_between(
                    'greatest(compared.start_at, compared.other_start_at)', 'least(compared.end_at, compared.other_end_at)'
                ) }}
                >= least(
                    {{ minutes_between('compared.start_at', 'compared.end_at') }},
                    {{ minutes_between('compared.other_start_at', 'compared.other_end_at') }}
                )
                and least(compared.end_at, compared.other_end_at)
                > greatest(compared.start_at, compared.other_start_at)
                then 30
            when compared.is_half_timed and compared.is_same_day then 25
            when not compared.is_timed and compared.is_same_day and compared.is_same_end_day then 40
            when not compared.is_timed and compared.is_same_day then 30
            else 0
        end as start_points,
        case when compared.is_same_branch or compared.is_same_place then 25 when compared.is_other_branch then 0 else 10 end
            as branch_points,
        case when compared.is_other_number then 0 else coalesce(likeness.title_points, 0) end as title_points,
        case when compared.is_timed and compared.is_same_end then 4 else 0 end as end_points,
        case when compared.is_same_page then 20 else 0 end as page_points,
        case when compared.is_same_id then 40 else 0 end as id_points
    from compared
    left join likeness on compared.title = likeness.title and compared.other_title = likeness.other_title

)

select * from final
