-- One series told at two branches: five days and more from the same minute to the same minute, under one name. Somebody
-- left the wrong place in a form, if the series is known elsewhere or earlier at that weekday and hour from one of the
-- branches only; if neither or both are known for it, there may be two.
with claims as (

    select * from {{ ref('int_events__claims') }}
    where claim_id = posting_id and is_public

),

pointed as (

    select * from {{ ref('int_events__compared_claims') }}

),

clocks as (

    select
        claims.claim_id,
        claims.source_id,
        claims.branch_id,
        claims.title_key,
        claims.start_on,
        {{ isodow('claims.start_on') }} as isodow,
        {{ moment_text('claims.start_at', 'settings.zone') }} as local_start
    from claims
    cross join {{ ref('stg_library__settings') }} as settings
    where claims.has_time and claims.branch_id is not null and claims.title_key is not null

),

disputed as (

    select
        pointed.source_id,
        pointed.other_source_id,
        pointed.branch_id,
        pointed.other_branch_id,
        pointed.title_key,
        pointed.other_title_key,
        clocks.isodow,
        substring(clocks.local_start, 12, 5) as local_hour,
        min(pointed.start_on) as first_on,
        max(pointed.start_on) as last_on
    from pointed
    inner join clocks on pointed.claim_id = clocks.claim_id
    where
        pointed.is_other_branch
        and pointed.is_timed
        and pointed.minutes_apart = 0
        and pointed.is_same_end
        and pointed.title_points >= 27
    group by
        pointed.source_id, pointed.other_source_id, pointed.branch_id, pointed.other_branch_id, pointed.title_key,
        pointed.other_title_key, clocks.isodow, substring(clocks.local_start, 12, 5)
    having count(distinct pointed.start_on) >= 5

),

final as (

    select
        disputed.source_id,
        disputed.other_source_id,
        disputed.branch_id,
        disputed.other_branch_id,
        disputed.title_key,
        disputed.other_title_key
    from disputed
    inner join clocks
        on
            clocks.title_key in (disputed.title_key, disputed.other_title_key)
            and clocks.branch_id in (disputed.branch_id, disputed.other_branch_id)
            and disputed.isodow = clocks.isodow
            and disputed.local_hour = substring(clocks.local_start, 12, 5)
    group by
        disputed.source_id, disputed.other_source_id, disputed.branch_id, disputed.other_branch_id, disputed.title_key,
        disputed.other_title_key
    having
        sum(case
            when clocks.start_on < disputed.first_on or clocks.start_on > disputed.last_on then 0
            when clocks.source_id = disputed.source_id and clocks.branch_id = disputed.other_branch_id then 1
            when clocks.source_id = disputed.other_source_id and clocks.branch_id = disputed.branch_id then 1
            else 0
        end) = 0
        and max(case
            when clocks.branch_id <> disputed.branch_id then 0
            when
                clocks.source_id = disputed.source_id
                and clocks.start_on >= disputed.first_on and clocks.start_on <= disputed.last_on
                then 0
            else 1
        end)
        <> max(case
            when clocks.branch_id <> disputed.other_branch_id then 0
            when
                clocks.source_id = disputed.other_source_id
                and clocks.start_on >= disputed.first_on and clocks.start_on <= disputed.last_on
                then 0
            else 1
        end)

)

select * from final
