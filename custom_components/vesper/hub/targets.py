"""Find the devices that a person has chosen for a trigger or a condition."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.target import (
    TargetSelection,
    async_extract_referenced_entity_ids,
)

from ..model.device import Device
from .hub import VesperConfigEntry, VesperHub
from .registry import device_id_of, fleet_identifier

#: What tells that a device, an entity or an area has come, changed or gone.
_REGISTRY_EVENTS = (
    ar.EVENT_AREA_REGISTRY_UPDATED,
    dr.EVENT_DEVICE_REGISTRY_UPDATED,
    er.EVENT_ENTITY_REGISTRY_UPDATED,
)


class Target:
    """The devices that a person has chosen, whatever becomes of them.

    What stands in a chosen area, or bears a chosen label, is looked up when it is asked
    for and not before, and again only after something of it has changed: a fleet may
    fall silent at once, and looking up a thousand devices takes a while.
    """

    def __init__(self, hass: HomeAssistant, config: dict[str, Any]) -> None:
        """Take the target as a person has configured it."""
        self._hass = hass
        self._config = config
        self._device_ids: set[str] | None = None

    @callback
    def async_track(self) -> CALLBACK_TYPE:
        """Begin to notice changes, which is needed before anything is asked for."""
        unsubscribe = [
            self._hass.bus.async_listen(event_type, self._async_changed)
            for event_type in _REGISTRY_EVENTS
        ]

        @callback
        def async_stop() -> None:
            """Notice changes no longer."""
            for stop in unsubscribe:
                stop()

        return async_stop

    @callback
    def _async_changed(self, _event: Event[Any]) -> None:
        """Look again when next asked."""
        self._device_ids = None

    @property
    def device_ids(self) -> set[str]:
        """Return the ids of the chosen devices in the registry, not only of ours."""
        if self._device_ids is None:
            self._device_ids = self._look_up()
        return self._device_ids

    def _look_up(self) -> set[str]:
        """Return the ids of the devices that are chosen and not left out."""
        config = dict(self._config)
        left_out = config.pop("exclude", None)
        chosen = self._devices_of(config)
        return chosen - self._devices_of(left_out) if left_out else chosen

    def _devices_of(self, config: dict[str, Any]) -> set[str]:
        """Return the ids of the devices that a configuration names.

        An entity stands for its device, and a fleet for all devices of it.
        """
        selection = TargetSelection(config)
        registry = dr.async_get(self._hass)
        for device_id in tuple(selection.device_ids):
            device = registry.async_get(device_id)
            if (
                device
                and fleet_identifier(device.config_entry_id) in device.identifiers
            ):
                selection.device_ids.update(
                    member.id
                    for member in dr.async_entries_for_config_entry(
                        registry, device.config_entry_id
                    )
                )
        selected = async_extract_referenced_entity_ids(
            self._hass, selection, expand_group=False, primary_entities_only=False
        )
        entities = er.async_get(self._hass)
        return selected.referenced_devices | {
            entity.device_id
            for entity_id in selected.referenced | selected.indirectly_referenced
            if (entity := entities.async_get(entity_id)) and entity.device_id
        }


def find(
    hass: HomeAssistant, registered: dr.AnyDeviceEntry
) -> tuple[VesperHub, Device] | None:
    """Return a registered device with its hub, None while that is not loaded.

    None too for a device that is none of ours.
    """
    entry: VesperConfigEntry | None = hass.config_entries.async_get_entry(
        registered.config_entry_id
    )
    device_id = device_id_of(registered)
    if entry is None or entry.state is not ConfigEntryState.LOADED or not device_id:
        return None
    hub = entry.runtime_data
    device = hub.devices.get(device_id)
    return (hub, device) if device else None
