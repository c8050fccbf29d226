-- Fails when a defined figure has no row at all: its model was forgotten, or its id is misspelt.
{{ config(meta={'owner': 'team:statistics', 'dagster': {'ref': {'name': 'figures'}}}) }}
select definitions.figure_id
from {{ ref('dim_figure') }} as definitions
left join {{ ref('figures') }} as figures on definitions.figure_id = figures.figure_id
where figures.figure_id is null
