-- One telling per counted interval of a counter. Earlier ones stay in the lake; what people counted is in
-- int_doors__sample_counts.
{{ current_tellings_of(['interval', 'span']) }}
