"""Home Assistant looks for this file; the benchmarks make the entry themselves."""

from homeassistant.config_entries import ConfigFlow


class CoordinatedConfigFlow(ConfigFlow, domain="coordinated"):
    """Set up nothing."""
