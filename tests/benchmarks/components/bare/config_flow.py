"""Home Assistant sets up no entry without a flow; the benchmarks make the entry."""

from homeassistant.config_entries import ConfigFlow


class BareConfigFlow(ConfigFlow, domain="bare"):
    """Support entries of the first version."""
