-- Posts of an area by the branches that they speak for, each post by its shares. Posts for the library as a whole stand
-- under `shared`, those that no rule places under `unassigned`, so that the parts add up. A branch that no rule and no
-- decision names has no row: nothing could have told of its posts.
with day_periods as (

    select * from {{ ref('int_calendar__day_periods') }}

),

shares as (

    select
        *,
        coalesce(branch_id, attribution) as branch_key
    from {{ ref('int_social__post_branches') }}
    where coalesce(product_type, 'FEED') in ('FEED', 'REELS') and area_id is not null

),

rules as (

    select * from {{ ref('stg_library__post_rules') }}
    where kind <> 'theme'

),

-- without a rule and a decision nothing is said about branches, and `unassigned` would say nothing either
said as (

    select count(*) as rule_count
    from (
        select rule_id from rules
        union all
        select post as rule_id from {{ ref('stg_library__post_decisions') }}
    ) as everything

),

rule_days as (

    select distinct
        memberships.area_id,
        rules.branch_id as branch_key,
        day_periods.period_kind,
        day_periods.period_start
    from rules
    inner join {{ ref('stg_library__branch_areas') }} as memberships on rules.branch_id = memberships.branch_id
    inner join day_periods
        on {{ valid_on('rules', 'day_periods.local_date') }} and {{ valid_on('memberships', 'day_periods.local_date') }}

    union

    select distinct
        areas.area_id,
        'shared' as branch_key,
        day_periods.period_kind,
        day_periods.period_start
    from rules
    inner join day_periods on {{ valid_on('rules', 'day_periods.local_date') }}
    inner join {{ ref('stg_library__areas') }} as areas on {{ valid_on('areas', 'day_periods.local_date') }}
    where rules.kind = 'shared'

),

keys as (

    select
        area_id,
        branch_key,
        period_kind,
        period_start
    from rule_days

    union

    select
        area_id,
        'unassigned' as branch_key,
        period_kind,
        period_start
    from rule_days

    union

    select
        shares.area_id,
        shares.branch_key,
        day_periods.period_kind,
        day_periods.period_start
    from shares
    inner join day_periods on shares.posted_on = day_periods.local_date
    cross join said
    where said.rule_count > 0

),

counts as (

    select
        shares.area_id,
        shares.branch_key,
        day_periods.period_kind,
        day_periods.period_start,
        count(*) as told_count,
        sum(shares.weight) as post_count,
        count(measures.views) as viewed_count,
        {{ sum_metric('views', 'measures.views * shares.weight', 'branches') }} as views,
        count(measures.interactions) as interacted_count,
        {{ sum_metric('total_interactions', 'measures.interactions * shares.weight', 'branches') }} as interactions,
        count(case when measures.reach is not null then measures.interactions end) as measured_count,
        {{ sum_metric(
            'total_interactions', 'case when measures.reach is not null then measures.interactions * shares.weight end',
            'branches'
        ) }} as reached_interactions,
        {{ sum_for_ratio('reach', 'case when measures.interactions is not null then measures.reach * shares.weight end') }}
            as summed_post_reach
    from shares
    inner join day_periods on shares.posted_on = day_periods.local_date
    left join {{ ref('int_social__post_measures') }} as measures
        on
            shares.account_id = measures.account_id
            and shares.post_id = measures.post_id
    group by shares.area_id, shares.branch_key, day_periods.period_kind, day_periods.period_start

),

final as (

    select
        keys.area_id,
        keys.branch_key as branch_id,
        areas.period_kind,
        areas.period_start,
        areas.period_end,
        areas.is_whole,
        areas.has_account,
        areas.is_asked,
        coalesce(counts.told_count, 0) as told_count,
        coalesce(counts.post_count, 0.0) as post_count,
        coalesce(counts.viewed_count, 0) as viewed_count,
        counts.views,
        coalesce(counts.interacted_count, 0) as interacted_count,
        counts.interactions,
        coalesce(counts.measured_count, 0) as measured_count,
        counts.reached_interactions,
        counts.summed_post_reach
    from keys
    inner join {{ ref('int_social__area_periods') }} as areas
        on
            keys.area_id = areas.area_id
            and keys.period_kind = areas.period_kind
            and keys.period_start = areas.period_start
    left join counts
        on
            keys.area_id = counts.area_id
            and keys.branch_key = counts.branch_key
            and keys.period_kind = counts.period_kind
            and keys.period_start = counts.period_start
    where areas.has_account

)

select * from final
