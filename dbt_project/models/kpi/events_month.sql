{{ wide_figures('month', ['events_held', 'events_with_partner', 'event_attendances'], 'events_held') }}
