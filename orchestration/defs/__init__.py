"""Dagster's definitions, one module per kind. Bare objects only; resources alone are made in a function.

A module here that has a function under `@dg.definitions` loses all its other objects, silently.
"""
