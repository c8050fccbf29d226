{{ wide_figures('year', ['partners_new', 'partners_new_units'], 'partners_new') }}
