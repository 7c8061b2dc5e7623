"""Fixtures of the pure layers, without Home Assistant."""

from hypothesis import settings
import pytest

# The same examples in each run: a failure is caused by a change, not by chance.
settings.register_profile("vesper", derandomize=True, deadline=None, max_examples=80)
settings.load_profile("vesper")


@pytest.fixture(autouse=True)
def auto_enable_custom_integrations() -> None:
    """Start no Home Assistant for the pure layers."""
