{{ open_intervals_of(ref('int_library__day_rules')) }}
