"""From a vendor's bytes to typed, append-only observations. Knows nothing of Dagster, dbt or SQL models.

The way of a byte: `landing` stores it, `catalogue` writes the receipt, an adapter from `doors`, `events` or
`instagram` reads it, `lake` writes the rows. `pipeline` ties these together; `config` says what exists.
"""
