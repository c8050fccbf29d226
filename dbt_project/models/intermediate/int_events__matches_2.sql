{{ match_round(ref('int_events__matches_1')) }}
