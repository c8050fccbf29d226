{{ wide_figures('month', ['visits', 'visits_per_open_hour'], 'visits') }}
