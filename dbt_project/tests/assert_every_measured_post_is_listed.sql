-- Fails, and stops publication, when a source measures posts that no source lists: a list of posts that could not be
-- read, a connector's table of insights without its history, a changed id. A join would lose their numbers without a
-- sound. Read the next action of each row; the figures are told again when the post is listed. Stories that only a
-- webhook tells of, and a connector's tables that disagree, are gaps that only warn (suite core_fct_post_gap).
{{ config(severity='error', meta={'owner': 'team:communication'}) }}
select
    gap_kind,
    account_id,
    post_id,
    source_id,
    noticed_at,
    message,
    next_action
from {{ ref('fct_post_gap') }}
where is_open and gap_kind = 'measured_not_listed'
