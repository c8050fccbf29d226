{{ wide_figures('month', ['followers', 'posts', 'engagement_rate'], 'posts') }}
