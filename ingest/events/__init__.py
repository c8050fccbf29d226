"""Event calendars: one module per feed system. Each delivers `event_observations`.

Modules with an underscore hold what several systems share, and register no adapter:

- asking: `_options`, `_windows` (which days), `_asking` (one question), `_listing` (all pages, landed as one answer);
- before landing: `_minimising` (fields and people), `_documents` (JSON), `_pages` (HTML), `_workbook` (cells);
- reading: `_words` (texts without contacts), `_schema_words` (schema.org's), `_spans` and `_record_times` (dates),
  `_rows` (identity, hash, row);
- claims: `_records` for systems that are asked for their list, `_feeds` for publishers' documents and the sheet. They
  differ in what a doubt is and in whose telling holds when two differ;
- the staff's sheet: `_sheet_options`, `_sheet_tables` (columns by `_sheet_headers`), `_sheet_layout` (merges and
  blanks), `_sheet_cells`, `_sheet_rows`, and `_sheet_faults` (what can be wrong);
- iCalendar: `_ical_scan` (lines and guards), `ical_expand` (dates), `_ical_child` (the process that bounds them).
"""
