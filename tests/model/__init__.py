"""Tests of the pure model, which do without Home Assistant."""
