"""Tests of the integration in a released Home Assistant, with a real broker."""
