"""Door counters: one module per make or file form. Each delivers `door_observations`, some also `door_health`."""
