"""Home Assistant sets no entry up without a flow, and this is one that nobody walks."""

from homeassistant.config_entries import ConfigFlow


class BareConfigFlow(ConfigFlow, domain="bare"):
    """Take entries of the first version."""
