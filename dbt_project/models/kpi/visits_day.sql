{{ wide_figures('day', ['visits', 'visits_per_open_hour'], 'visits') }}
