"""Raise one repair issue."""

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from ..const import DOMAIN
from .registry import DeviceRegistry

#: Where the texts link to, unless the issue is of one device.
ENTRY_PATH = f"/config/integrations/integration/{DOMAIN}"


@callback
def async_raise_issue(  # noqa: PLR0913  # all that differs between issues
    hass: HomeAssistant,
    *,
    entry_id: str,
    issue_id: str,
    key: str,
    placeholders: dict[str, str],
    severity: ir.IssueSeverity,
    data: dict[str, str | int | float | None] | None = None,
    is_fixable: bool = False,
    is_persistent: bool = False,
) -> None:
    """Raise an issue of an entry, or update it.

    `key` is the key of its translation. The texts have a placeholder for the page that
    they link to.
    """
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        data={ATTR_CONFIG_ENTRY_ID: entry_id, **(data or {})},
        is_fixable=is_fixable,
        is_persistent=is_persistent,
        severity=severity,
        translation_key=key,
        translation_placeholders={
            "url": f"{ENTRY_PATH}#config_entry={entry_id}",
            **placeholders,
        },
    )


def issue_id_of(kind: str, entry_id: str, *parts: str) -> str:
    """Return the id of an entry's issue."""
    return "/".join((kind, entry_id, *parts))


def device_placeholders(registry: DeviceRegistry, device_id: str) -> dict[str, str]:
    """Return the placeholders of an issue of one device."""
    registry_id = registry.id_of(device_id)
    path = (
        ENTRY_PATH if registry_id is None else f"/config/devices/device/{registry_id}"
    )
    return {
        # The description puts the name between backticks.
        "device": registry.name_of(device_id).replace("`", "'"),
        "url": path,
    }
