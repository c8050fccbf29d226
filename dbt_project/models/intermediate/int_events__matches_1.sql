{{ match_round(none) }}
