"""Integrations that what is measured is held against."""
