"""Measurements, as ratios taken side by side in one run. Not part of the tests: machines differ."""
