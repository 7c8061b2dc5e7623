"""Benchmarks, with targets as ratios within one run."""
