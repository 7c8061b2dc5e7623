"""Tests of Vesper for Home Assistant."""
