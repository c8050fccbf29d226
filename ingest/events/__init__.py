"""Event calendars: one module per feed system. Each delivers `event_observations`."""
