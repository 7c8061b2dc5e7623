"""Raise a repair issue if no device is found."""

from collections.abc import Sized
from datetime import datetime, timedelta

from homeassistant.components import mqtt
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_track_time_interval

from ..const import DOMAIN
from ..model.device import Device
from .listeners import Listeners
from .registry import DeviceRegistry
from .repair_issue import async_raise_issue, issue_id_of

ISSUE_NO_DEVICES = "no_devices"

#: A device sends a heartbeat every 30 seconds, but setting one up takes minutes.
CHECK_INTERVAL = timedelta(minutes=10)


@callback
def async_check_prefix(
    hass: HomeAssistant,
    registry: DeviceRegistry,
    prefix: str,
    devices: Sized,
    listeners: Listeners,
) -> CALLBACK_TYPE:
    """Check regularly whether there are devices.

    The returned callback ends the checks and deletes the repair issue.
    """
    issue_id = issue_id_of(ISSUE_NO_DEVICES, registry.entry_id)

    @callback
    def _async_check(_now: datetime) -> None:
        """Raise the repair issue if there are no devices."""
        if not devices and mqtt.is_connected(hass):
            async_raise_issue(
                hass,
                entry_id=registry.entry_id,
                issue_id=issue_id,
                key=ISSUE_NO_DEVICES,
                placeholders={"prefix": prefix, "topic": f"{prefix}/+/status/#"},
                severity=ir.IssueSeverity.WARNING,
            )

    @callback
    def _async_added(_device: Device) -> None:
        """Delete the repair issue."""
        ir.async_delete_issue(hass, DOMAIN, issue_id)

    stop = (
        async_track_time_interval(hass, _async_check, CHECK_INTERVAL),
        listeners.async_listen_new_devices(_async_added),
    )

    @callback
    def _async_stop() -> None:
        """End the checks and the repair issue."""
        for unsubscribe in stop:
            unsubscribe()
        ir.async_delete_issue(hass, DOMAIN, issue_id)

    return _async_stop
