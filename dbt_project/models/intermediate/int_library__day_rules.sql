{{ day_rules_of(ref('int_library__branch_days')) }}
