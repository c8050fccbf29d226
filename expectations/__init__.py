"""Judgement: what must be true of the tables before anything is published, and the function that looks.

What belongs here: the suites (`suites/*.yaml`, one file per judged table and question), the frames they look at,
the Great Expectations run, and the site that shows staff the outcome. What does not: Dagster (orchestration wraps
these functions as asset checks), cleaning or repair (dbt), and reading vendors' bytes (ingest).

The modules are cheap to import; Great Expectations itself is loaded only when a suite runs (3-9 s, 230 MB):

- `suites`: rules as data, checked at load.
- `frames`: the query of a suite, run in DuckDB without touching the warehouse.
- `validate`: `validate(frame, suite)`, and `judge(suite, warehouse, lake)` which never raises for bad data.
- `results`: what a rule found, JSON-safe, stored between steps.
- `engine`: Great Expectations started quietly; `offline_view` and `docs_templates/` draw its pages.
- `docs_site`: Great Expectations' Data Docs as a site that asks nothing of the internet.
"""
