-- What was estimated in each period and how sure that is, per branch and for the whole area. Blocks err each for
-- itself; blocks of different lines that overlap in time err together as far as masked ones did; what a line's blocks
-- share adds up over all of them. To which side errors lean is less seen the more of them make a total: their third powers
-- add up.
with parts as (

    select
        parts.*,
        coalesce(leans.lean, 0) as lean
    from {{ ref('int_visits__estimate_parts') }} as parts
    left join {{ ref('int_visits__error_lean') }} as leans on parts.grain = leans.grain

),

correlations as (

    select * from {{ ref('int_visits__error_correlation') }}

),

pairs as (

    select
        one.area_id,
        case when one.branch_id = other.branch_id then one.branch_id end as branch_id,
        one.period_kind,
        one.period_start,
        -- without shared dates to learn from, errors of one branch go together whole, those of others by half
        2 * one.spread_visits * other.spread_visits
        * coalesce(correlations.correlation, case when one.branch_id = other.branch_id then 1.0 else 0.5 end) as covariance
    from parts as one
    inner join parts as other
        on
            one.area_id = other.area_id
            and one.period_kind = other.period_kind
            and one.period_start = other.period_start
            and one.line_id < other.line_id
            and one.first_cell_at <= other.last_cell_at
            and other.first_cell_at <= one.last_cell_at
    left join correlations on (one.branch_id = other.branch_id) = correlations.is_same_branch

),

branch_pairs as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        {{ exact_sum("covariance") }} as covariance
    from pairs
    where branch_id is not null
    group by area_id, branch_id, period_kind, period_start

),

area_pairs as (

    select
        area_id,
        period_kind,
        period_start,
        {{ exact_sum("covariance") }} as covariance
    from pairs
    group by area_id, period_kind, period_start

),

line_sums as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        line_id,
        count(*) as block_count,
        {{ exact_sum("estimated_minutes") }} as estimated_minutes,
        {{ exact_sum("estimated_visits") }} as estimated_visits,
        {{ exact_sum("spread_visits * spread_visits") }} as variance,
        {{ exact_sum("lean * spread_visits * spread_visits * spread_visits") }} as lean_cube,
        {{ exact_sum("bias_visits") }} as bias_visits
    from parts
    group by area_id, branch_id, period_kind, period_start, line_id

),

branch_sums as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        sum(block_count) as block_count,
        {{ exact_sum("estimated_minutes") }} as estimated_minutes,
        {{ exact_sum("estimated_visits") }} as estimated_visits,
        {{ exact_sum("variance + bias_visits * bias_visits") }} as variance,
        {{ exact_sum("lean_cube") }} as lean_cube
    from line_sums
    group by area_id, branch_id, period_kind, period_start

),

area_sums as (

    select
        area_id,
        period_kind,
        period_start,
        sum(block_count) as block_count,
        {{ exact_sum("estimated_minutes") }} as estimated_minutes,
        {{ exact_sum("estimated_visits") }} as estimated_visits,
        {{ exact_sum("variance") }} as variance,
        {{ exact_sum("lean_cube") }} as lean_cube
    from branch_sums
    group by area_id, period_kind, period_start

),

totals as (

    select
        branch_sums.area_id,
        branch_sums.branch_id,
        branch_sums.period_kind,
        branch_sums.period_start,
        branch_sums.block_count,
        branch_sums.estimated_minutes,
        branch_sums.estimated_visits,
        branch_sums.lean_cube,
        sqrt(branch_sums.variance + coalesce(branch_pairs.covariance, 0)) as standard_error
    from branch_sums
    left join branch_pairs
        on
            branch_sums.area_id = branch_pairs.area_id
            and branch_sums.branch_id = branch_pairs.branch_id
            and branch_sums.period_kind = branch_pairs.period_kind
            and branch_sums.period_start = branch_pairs.period_start

    union all

    select
        area_sums.area_id,
        cast(null as {{ dbt.type_string() }}) as branch_id,
        area_sums.period_kind,
        area_sums.period_start,
        area_sums.block_count,
        area_sums.estimated_minutes,
        area_sums.estimated_visits,
        area_sums.lean_cube,
        sqrt(area_sums.variance + coalesce(area_pairs.covariance, 0)) as standard_error
    from area_sums
    left join area_pairs
        on
            area_sums.area_id = area_pairs.area_id
            and area_sums.period_kind = area_pairs.period_kind
            and area_sums.period_start = area_pairs.period_start

),

final as (

    select
        area_id,
        branch_id,
        period_kind,
        period_start,
        block_count,
        estimated_minutes,
        estimated_visits,
        standard_error,
        case when standard_error > 0 then lean_cube / (standard_error * standard_error) else 0 end as lean_visits
    from totals

)

select * from final
