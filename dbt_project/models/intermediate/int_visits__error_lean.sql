-- To which side the errors of masked blocks lean, in standard deviations: the middle between the points that the most
-- extreme fortieths of them lie beyond. Above zero, truth lies far above an estimate more often than far below it, as it
-- does where a day with something on brings three times the people and no day brings fewer than none.
with blocks as (

    select * from {{ ref('int_visits__masked_blocks') }}

),

ranked as (

    select
        blocks.grain,
        (blocks.true_visits - blocks.estimated_visits - masked_errors.bias * blocks.estimated_visits) / (
            masked_errors.spread * masked_errors.widening
            * sqrt(blocks.estimated_visits * greatest(blocks.estimated_visits, masked_errors.usual_visits))
        ) as error,
        count(*) over (partition by blocks.grain) as error_count
    from blocks
    inner join {{ ref('int_visits__masked_errors') }} as masked_errors
        on
            blocks.line_id = masked_errors.line_id
            and blocks.grain = masked_errors.grain
            and blocks.length_class = masked_errors.length_class
            and blocks.method = masked_errors.method
            and masked_errors.is_own
    where blocks.estimated_visits > 0 and masked_errors.spread > 0

),

placed as (

    select
        grain,
        error,
        error_count,
        row_number() over (partition by grain order by error) as place
    from ranked

),

final as (

    select
        grain,
        max(error_count) as error_count,
        -- fewer than forty have no fortieth; more than one would be a side without any error
        case
            when max(error_count) >= 40
                then
                    least(1.0, greatest(
                        -1.0,
                        (
                            min(case when place > 0.975 * error_count then error end)
                            + max(case when place <= 0.025 * error_count then error end)
                        ) / 2
                    ))
            else 0.0
        end as lean
    from placed
    group by grain

)

select * from final
