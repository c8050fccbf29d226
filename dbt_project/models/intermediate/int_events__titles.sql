with words as (

    select * from {{ ref('int_events__title_words') }}

),

folded as (

    select distinct
        title,
        {{ title_parts('title') }} as parts
    from {{ ref('stg_events__observations') }}
    where title is not null

),

prefixes as (

    select
        word,
        means,
        '|' || {{ plain_words('word') }} || '|' as part
    from {{ ref('stg_library__event_words') }}
    where kind = 'prefix' and means <> ''

),

-- Only a word that stands apart is a status: "Avlyst: Konsert", "Konsert (avlyst)", "AVLYST Konsert".
statuses as (

    select
        folded.title,
        min(prefixes.means) as told_status
    from folded
    inner join prefixes
        on
            {{ dbt.position('prefixes.part', "'| ' || folded.parts || ' |'") }} > 0
            or (
                folded.title <> upper(folded.title)
                and substring(folded.title, 1, length(prefixes.word) + 1) = upper(prefixes.word) || ' '
            )
    group by folded.title

),

keys as (

    select
        title,
        {{ dbt.listagg('word', "' '", 'order by word') }} as title_key
    from (
        select distinct
            title,
            word
        from words
    ) as spelled
    group by title

),

weights as (

    select
        title,
        sum(word_weight) as total_weight
    from (
        select
            title,
            stem,
            max(word_weight) as word_weight
        from words
        group by title, stem
    ) as stems
    group by title

),

numbers as (

    select
        title,
        {{ dbt.listagg('word', "' '", 'order by word') }} as number_key
    from (
        select distinct
            title,
            word
        from words
        where is_number
    ) as spelled
    group by title

),

final as (

    select
        keys.title,
        keys.title_key,
        numbers.number_key,
        weights.total_weight,
        statuses.told_status
    from keys
    inner join weights on keys.title = weights.title
    left join numbers on keys.title = numbers.title
    left join statuses on keys.title = statuses.title

)

select * from final
