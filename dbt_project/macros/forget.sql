{#- Drops from the published schemas what no model makes any more: dbt leaves the table of a removed or renamed model, and
    it would be published with each version, ever older. Runs after kpi.figures, which every build makes. -#}
{% macro drop_what_no_model_makes() %}
    {%- if execute -%}
        {%- set made = [] -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
            {%- do made.append(node.schema ~ '.' ~ node.alias) -%}
        {%- endfor -%}
        {%- for schema in ['core', 'kpi'] -%}
            {%- set there = list_relations_without_caching(api.Relation.create(database=this.database, schema=schema)) -%}
            {%- for name in there.columns['name'].values() -%}
                {%- set relation = adapter.get_relation(this.database, schema, name) -%}
                {%- if relation and schema ~ '.' ~ name not in made and '__dbt_' not in name -%}
                    {%- do log('dropping ' ~ relation ~ ': no model makes it any more', info=true) -%}
                    {%- do adapter.drop_relation(relation) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
