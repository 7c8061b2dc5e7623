"""Tests of the hub by messages and entity states."""
