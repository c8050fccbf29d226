-- Titles as words that can be compared across feeds: without status words, sponsors and branch names, letters without
-- their marks, nynorsk and bokmål folded. A title that would lose all its words keeps them.
with titles as (

    select title from {{ ref('stg_events__observations') }}
    where title is not null
    union
    select title from {{ ref('stg_events__attendance_reports') }}
    where title is not null

),

words as (

    select
        kind,
        word,
        means,
        {{ plain_words('word') }} as plain_word,
        trim({{ plain_words('word') }}) as bare_word,
        trim({{ plain_words('means') }}) as bare_means
    from {{ ref('stg_library__event_words') }}

),

aliases as (

    select distinct {{ plain_words('alias') }} as plain_alias
    from {{ ref('stg_library__branch_aliases') }}

),

-- AVLYST without a colon is a status word too, as long as the whole title does not shout.
shouted as (

    select
        titles.title,
        max(length(words.word)) as word_length
    from titles
    inner join words
        on
            words.kind = 'prefix'
            and substring(titles.title, 1, length(words.word) + 1) = upper(words.word) || ' '
    where titles.title <> upper(titles.title)
    group by titles.title

),

marked as (

    select
        titles.title,
        case
            when shouted.title is null then titles.title
            else
                substring(titles.title, 1, shouted.word_length) || ' | '
                || substring(titles.title, shouted.word_length + 2)
        end as text
    from titles
    left join shouted on titles.title = shouted.title

),

folded as (

    select
        title,
        {{ title_parts('text') }} as parts
    from marked

),

split as (

    select
        title,
        {{ split_rows('parts') }} as part
    from folded

),

parts as (

    select distinct
        title,
        ' ' || trim(replace(part, '|', ' ')) || ' ' as part
    from split
    where trim(replace(part, '|', ' ')) <> ''

),

statuses as (

    select
        parts.title,
        parts.part,
        max(words.means) as told_status
    from parts
    inner join words on words.kind = 'prefix' and parts.part = words.plain_word
    group by parts.title, parts.part

),

tails as (

    select
        parts.title,
        parts.part,
        min({{ dbt.position('words.plain_word', 'parts.part') }}) as tail_at
    from parts
    inner join words on words.kind = 'tail' and {{ dbt.position('words.plain_word', 'parts.part') }} > 0
    group by parts.title, parts.part

),

cut as (

    select
        parts.title,
        parts.part as whole_part,
        case
            when statuses.title is not null then ' '
            when tails.title is null then parts.part
            else substring(parts.part, 1, tails.tail_at)
        end as part
    from parts
    left join statuses on parts.title = statuses.title and parts.part = statuses.part
    left join tails on parts.title = tails.title and parts.part = tails.part

),

branches as (

    select
        cut.title,
        cut.part,
        aliases.plain_alias,
        row_number() over (
            partition by cut.title, cut.part
            order by length(aliases.plain_alias) desc, aliases.plain_alias asc
        ) as alias_rank
    from cut
    inner join aliases on {{ dbt.position('aliases.plain_alias', 'cut.part') }} > 0

),

kept as (

    select
        cut.title,
        trim(case
            when branches.title is null then cut.part
            else
                replace(
                    replace(
                        replace(cut.part, ' ved' || branches.plain_alias, ' '), ' pa' || branches.plain_alias, ' '
                    ),
                    branches.plain_alias, ' '
                )
        end) as part
    from cut
    left join branches on cut.title = branches.title and cut.part = branches.part and branches.alias_rank = 1

),

emptied as (

    select title
    from kept
    group by title
    having max(length(part)) = 0

),

bases as (

    select
        title,
        part
    from kept
    where part <> ''
    union
    select
        parts.title,
        trim(parts.part) as part
    from parts
    inner join emptied on parts.title = emptied.title

),

tokens as (

    select distinct
        title,
        token
    from (
        select
            title,
            {{ split_words('part') }} as token
        from bases
    ) as found
    where token <> ''

),

-- The same word by another spelling: the longest beginning wins, else the longest end, since compounds carry their
-- sense there (babysong is a song); a short one must be the whole word.
same as (

    select
        tokens.title,
        tokens.token,
        case
            when tokens.token like words.bare_word || '%'
                then words.bare_means || substring(tokens.token, length(words.bare_word) + 1)
            else
                substring(tokens.token, 1, length(tokens.token) - length(words.bare_word)) || words.bare_means
        end as word,
        row_number() over (
            partition by tokens.title, tokens.token
            order by
                case when tokens.token like words.bare_word || '%' then 0 else 1 end asc,
                length(words.bare_word) desc,
                words.bare_word asc
        ) as same_rank
    from tokens
    inner join words
        on
            words.kind = 'same'
            and (
                tokens.token = words.bare_word
                or (
                    length(words.bare_word) >= 4
                    and (tokens.token like words.bare_word || '%' or tokens.token like '%' || words.bare_word)
                )
            )

),

spelled as (

    select
        tokens.title,
        coalesce(same.word, tokens.token) as word
    from tokens
    left join same on tokens.title = same.title and tokens.token = same.token and same.same_rank = 1

),

weak as (

    select bare_word from words
    where kind = 'weak'

),

-- A word of every twentieth title, and of ten at least, tells no two apart, listed or not: talk, film night, story time.
-- Titles are counted by their words, so that the spellings of many feeds are one.
bags as (

    select
        title,
        {{ dbt.listagg('word', "' '", 'order by word') }} as words
    from (
        select distinct
            title,
            word
        from spelled
    ) as once
    group by title

),

spreads as (

    select
        spelled.word,
        count(distinct bags.words) as title_count
    from spelled
    inner join bags on spelled.title = bags.title
    where bags.words <> spelled.word
    group by spelled.word

),

totals as (

    select count(distinct words) as all_count from bags

),

common as (

    select spreads.word
    from spreads
    cross join totals
    where spreads.title_count >= 10 and spreads.title_count * 20 >= totals.all_count

),

vocabulary as (

    select distinct word from spelled

),

stems as (

    select
        vocabulary.word,
        max(length(words.bare_word)) as ending_length
    from vocabulary
    inner join words
        on
            words.kind = 'ending'
            and vocabulary.word like '%' || words.bare_word
            and length(vocabulary.word) - length(words.bare_word) >= 3
    group by vocabulary.word

),

final as (

    select distinct
        spelled.title,
        spelled.word,
        {{ matches('spelled.word', "'^[0-9]+$'") }} as is_number,
        -- the written forms differ in endings, and inside long words; six letters tell most words apart
        case
            when {{ matches('spelled.word', "'^[0-9]+$'") }} then spelled.word
            else substring(spelled.word, 1, least(6, length(spelled.word) - coalesce(stems.ending_length, 0)))
        end as stem,
        case
            when {{ matches('spelled.word', "'^[0-9]+$'") }} then 4
            when weak.bare_word is not null or common.word is not null or length(spelled.word) <= 2 then 1
            else 4
        end as word_weight
    from spelled
    left join weak on spelled.word = weak.bare_word
    left join common on spelled.word = common.word
    left join stems on spelled.word = stems.word

)

select * from final
