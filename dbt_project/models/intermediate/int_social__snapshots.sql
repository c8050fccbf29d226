with observations as (

    select * from {{ ref('stg_instagram__accounts') }}

),

accounts as (

    select * from {{ ref('stg_library__accounts') }}

),

settings as (

    select * from {{ ref('stg_library__settings') }}

),

localised as (

    select
        observations.*,
        cast({{ to_local('observations.observed_at', 'settings.zone') }} as date) as observed_on,
        row_number() over (
            partition by observations.account_id, observations.observed_at
            order by observations.receipt_id desc
        ) as telling_rank
    from observations
    cross join settings

),

final as (

    select
        localised.account_id,
        accounts.area_id,
        localised.observed_at,
        localised.observed_on,
        localised.followers_count,
        localised.follows_count,
        localised.media_count,
        localised.source_id,
        localised.receipt_id,
        localised.blob_sha256
    from localised
    left join accounts
        on
            localised.account_id = accounts.account_id
            and {{ valid_on('accounts', 'localised.observed_on') }}
    where localised.telling_rank = 1

)

select * from final
