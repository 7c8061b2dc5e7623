"""Tests of what serves the cards."""
