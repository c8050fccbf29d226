{#- How titles, venues and names are brought to one form before they are compared. Engine differences stand here;
    nothing in here scores. -#}

{#- One code point per letter where there is one. Spark has no such function: the letters of the Nordic languages. -#}
{% macro composed(text) %}{{ return(adapter.dispatch('composed', 'levende')(text)) }}{% endmacro %}
{% macro default__composed(text) %}normalize({{ text }}, nfc){% endmacro %}
{% macro duckdb__composed(text) %}nfc_normalize({{ text }}){% endmacro %}
{% macro spark__composed(text) %}replace(replace(replace({{ text }}, 'å', 'å'), 'ö', 'ö'), 'ä', 'ä'){% endmacro %}

{% macro replace_all(text, pattern, replacement) %}{{ return(adapter.dispatch('replace_all', 'levende')(text, pattern, replacement)) }}{% endmacro %}
{% macro default__replace_all(text, pattern, replacement) %}regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}', 'g'){% endmacro %}
{% macro spark__replace_all(text, pattern, replacement) %}regexp_replace({{ text }}, r'{{ pattern }}', '{{ replacement }}'){% endmacro %}

{#- Everything but letters, digits and the bar becomes a space: dashes, quotes, emojis. -#}
{% macro letters_only(text) %}{{ return(adapter.dispatch('letters_only', 'levende')(text)) }}{% endmacro %}
{% macro default__letters_only(text) %}{{ replace_all(text, '[^\\p{L}\\p{N}|]+', ' ') }}{% endmacro %}
{% macro postgres__letters_only(text) %}{{ replace_all(text, '[^[:alnum:]|]+', ' ') }}{% endmacro %}

{#- Lower case, and letters without their marks: feeds write måndag and mandag for one day. -#}
{% macro folded(text) -%}
translate({{ composed('lower(' ~ text ~ ')') }}, 'åäáàâæøöóòôéèêëíìîïüúùûýñç', 'aaaaaeoooooeeeeiiiiuuuuync')
{%- endmacro %}

{#- The words of a text, padded by spaces, so that ` moa ` is never found in `moabitt`. -#}
{% macro plain_words(text) -%}
(' ' || trim({{ letters_only(folded("replace(" ~ text ~ ", '|', ' ')")) }}) || ' ')
{%- endmacro %}

{#- The parts of a title, joined by ` | `: marks that separate, and dashes between spaces, end a part. -#}
{% macro title_parts(text) -%}
trim({{ letters_only(replace_all(folded(text), '\\s*[:!|()\\[\\]·•]+\\s*|\\s+[–—−-]+\\s+', ' | ')) }})
{%- endmacro %}

{#- Rows of a text joined by single spaces. -#}
{% macro split_words(text) %}{{ return(adapter.dispatch('split_words', 'levende')(text)) }}{% endmacro %}
{% macro default__split_words(text) %}unnest(string_to_array({{ text }}, ' ')){% endmacro %}
{% macro spark__split_words(text) %}explode(split({{ text }}, ' ')){% endmacro %}
