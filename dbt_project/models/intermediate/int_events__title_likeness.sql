-- How alike the titles of two compared claims are, in points of 30: half for the words in common of all words, half for
-- those of the shorter title: "Bok og kaffi" stands whole in "Bok og kaffi med strikking".
with claims as (

    select * from {{ ref('int_events__claims') }}
    where claim_id = posting_id and is_public

),

stems as (

    select
        title,
        stem,
        max(word_weight) as word_weight
    from {{ ref('int_events__title_words') }}
    group by title, stem

),

title_pairs as (

    select distinct
        claims.title,
        others.title as other_title,
        claims.total_weight,
        others.total_weight as other_weight
    from {{ ref('int_events__claim_blocks') }} as blocks
    inner join claims on blocks.claim_id = claims.claim_id
    inner join claims as others on blocks.other_claim_id = others.claim_id
    where claims.title is not null and others.title is not null

),

shared as (

    select
        title_pairs.title,
        title_pairs.other_title,
        sum(
            case when stems.word_weight < others.word_weight then stems.word_weight else others.word_weight end
            / case when stems.stem = others.stem then 1.0 else 2.0 end
        ) as shared_weight
    from title_pairs
    inner join stems on title_pairs.title = stems.title
    inner join stems as others
        on
            title_pairs.other_title = others.title
            -- a word that begins a longer one is half of it: lekser, leksehjelp
            and (
                stems.stem = others.stem
                or (
                    length(stems.stem) >= 4 and length(others.stem) >= 4
                    and (others.stem like stems.stem || '%' or stems.stem like others.stem || '%')
                )
            )
    group by title_pairs.title, title_pairs.other_title

),

final as (

    select
        title_pairs.title,
        title_pairs.other_title,
        cast(floor(
            15.0 * shared.shared_weight
            / (title_pairs.total_weight + title_pairs.other_weight - shared.shared_weight)
            + 15.0 * shared.shared_weight / least(title_pairs.total_weight, title_pairs.other_weight)
            + 0.5
        ) as int) as title_points
    from title_pairs
    inner join shared on title_pairs.title = shared.title and title_pairs.other_title = shared.other_title

)

select * from final
