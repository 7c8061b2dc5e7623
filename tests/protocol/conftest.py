"""Fixtures of the protocol's tests."""

from tests.pure import auto_enable_custom_integrations

__all__ = ["auto_enable_custom_integrations"]
