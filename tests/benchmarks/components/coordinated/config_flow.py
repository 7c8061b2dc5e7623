"""Home Assistant sets up no entry without a flow; the benchmarks make the entry."""

from homeassistant.config_entries import ConfigFlow


class CoordinatedConfigFlow(ConfigFlow, domain="coordinated"):
    """Support entries of the first version."""
