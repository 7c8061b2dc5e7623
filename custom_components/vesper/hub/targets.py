"""Resolve targets of automations and actions to devices."""

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

#: The events after which a target may have other devices.
_REGISTRY_EVENTS = (
    ar.EVENT_AREA_REGISTRY_UPDATED,
    dr.EVENT_DEVICE_REGISTRY_UPDATED,
    er.EVENT_ENTITY_REGISTRY_UPDATED,
)


class Target:
    """The devices of a target.

    They include those of its areas, floors and labels. They are looked up once, and
    again after a registry has changed. In an outage, each device that goes offline is
    compared with the target, and looking up 1,000 devices takes over 20 ms.
    """

    def __init__(self, hass: HomeAssistant, config: dict[str, Any]) -> None:
        """Set the target as it is configured."""
        self._hass = hass
        self._config = config
        self._device_ids: set[str] | None = None

    @callback
    def async_track(self) -> CALLBACK_TYPE:
        """Track changes of the registries; returns what ends that."""
        unsubscribe = [
            self._hass.bus.async_listen(event_type, self._async_changed)
            for event_type in _REGISTRY_EVENTS
        ]

        @callback
        def async_stop() -> None:
            """Stop tracking."""
            for stop in unsubscribe:
                stop()

        return async_stop

    @callback
    def _async_changed(self, _event: Event[Any]) -> None:
        """Discard the devices, to look them up again."""
        self._device_ids = None

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is chosen."""
        return not any(self._config.values())

    @property
    def device_ids(self) -> set[str]:
        """Return the registry ids of the devices.

        They may belong to other integrations.
        """
        if self._device_ids is None:
            self._device_ids = self._look_up()
        return self._device_ids

    def _look_up(self) -> set[str]:
        """Look up the devices, without excluded ones."""
        config = dict(self._config)
        excluded = config.pop("exclude", None)
        devices = self._devices_of(config)
        return devices - self._devices_of(excluded) if excluded else devices

    def _devices_of(self, config: dict[str, Any]) -> set[str]:
        """Return the registry ids of a target's devices.

        An entity stands for its device, and a fleet for all of its devices.
        """
        selection = TargetSelection(config)
        registry, entities = dr.async_get(self._hass), er.async_get(self._hass)
        of_entities = {
            entity.device_id
            for entity_id in selection.entity_ids
            if (entity := entities.async_get(entity_id)) and entity.device_id
        }
        for device_id in selection.device_ids | of_entities:
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
        return selected.referenced_devices | {
            entity.device_id
            for entity_id in selected.referenced | selected.indirectly_referenced
            if (entity := entities.async_get(entity_id)) and entity.device_id
        }


def find(
    hass: HomeAssistant, registered: dr.AnyDeviceEntry
) -> tuple[VesperHub, Device] | None:
    """Return a registered device with its hub.

    None while the entry is not loaded, and for devices of other integrations.
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
