"""Tests in a released Home Assistant, with a broker."""
