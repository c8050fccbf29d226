-- The metrics that figures are made of, side by side. Interactions are the platform's own total, else the sum of their
-- four kinds, and it is kept which. Views and impressions stay two columns: neither stands in for the other.
with metrics as (

    select * from {{ ref('int_social__post_metrics') }}
    where value_status = 'measured'

),

wide as (

    select
        {% for metric in ['reach', 'views', 'impressions', 'total_interactions', 'likes', 'comments', 'saved', 'shares'] %}
            max(case when metric = '{{ metric }}' then value end) as {{ metric }},
        {% endfor %}
        account_id,
        post_id
    from metrics
    group by account_id, post_id

),

final as (

    select
        account_id,
        post_id,
        reach,
        views,
        impressions,
        coalesce(total_interactions, likes + comments + saved + shares) as interactions,
        case
            when total_interactions is not null then 'total_interactions'
            when likes + comments + saved + shares is not null then 'likes + comments + saved + shares'
        end as interactions_basis
    from wide

)

select * from final
