{{ branch_days_of(ref('int_calendar__days')) }}
