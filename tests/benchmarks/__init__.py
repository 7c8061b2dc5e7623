"""Benchmarks of the integration, with targets as ratios within one run."""
