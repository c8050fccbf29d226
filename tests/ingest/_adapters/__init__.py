"""A tiny make that exists in tests only, and what whole processes do with it."""
