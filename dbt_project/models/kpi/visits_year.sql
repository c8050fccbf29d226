{{ wide_figures('year', ['visits', 'visits_per_open_hour', 'visits_per_inhabitant'], 'visits') }}
