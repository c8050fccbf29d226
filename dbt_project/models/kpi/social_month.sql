{{ wide_figures('month', [
    'followers', 'follower_growth', 'posts', 'days_since_last_post', 'views', 'reach_28_days', 'interactions',
    'engagement_rate', 'posts_unassigned_share'
], 'posts') }}
