-- Fails when counts of a month were told otherwise after its figures had stopped being provisional: what was published
-- of it has changed. Ask the source why, then say so beside the figure (`levende explain visits 2023-05` lists them).
{{ config(severity='warn', meta={'owner': 'team:statistics'}) }}
select
    line_id,
    source_id,
    {{ period_start('month', 'local_date') }} as month_on,
    count(*) as revision_count,
    sum(coalesce(visits, 0) - coalesce(previous_visits, 0)) as visits_changed,
    max(received_at) as last_received_at
from {{ ref('fct_count_revision') }}
where is_after_closing and role = 'perimeter' and revision_kind in ('restated', 'cleared')
group by line_id, source_id, {{ period_start('month', 'local_date') }}
