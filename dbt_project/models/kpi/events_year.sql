{{ wide_figures('year', ['events_held', 'events_with_partner', 'event_attendances'], 'events_held') }}
