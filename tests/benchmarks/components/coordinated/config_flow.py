"""Home Assistant sets up no entry without a flow.

The benchmarks make the entry themselves.
"""

from homeassistant.config_entries import ConfigFlow


class CoordinatedConfigFlow(ConfigFlow, domain="coordinated"):
    """Support entries of the first version."""
