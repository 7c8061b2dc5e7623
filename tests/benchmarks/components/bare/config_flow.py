"""Home Assistant sets up no entry without a flow.

The benchmarks make the entry themselves.
"""

from homeassistant.config_entries import ConfigFlow


class BareConfigFlow(ConfigFlow, domain="bare"):
    """Support entries of the first version."""
