-- Fails when a number is missing without a reason, or has both a value and a status that says it is missing.
{{ config(meta={'owner': 'team:statistics'}) }}
select
    figure_id,
    area_id,
    branch_id,
    period_kind,
    period_start
from {{ ref('figures') }}
where
    (value is null and (status_value in ('A', 'E') or note = ''))
    or (value is not null and status_value not in ('A', 'E'))
