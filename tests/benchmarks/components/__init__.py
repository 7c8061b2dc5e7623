"""Integrations with which Vesper is compared."""
