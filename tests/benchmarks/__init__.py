"""Benchmarks of Vesper for Home Assistant, never part of a verdict."""
