"""Replace a device by another board.

The rules are in docs/behavior.md, "Replace a device". The steps:

1. The retained heartbeat of the old device is cleared.
2. The new device is stored with the id of the old one. Before that nothing is replaced,
   after that all of it will be, even if Home Assistant is killed.
3. The entry is reloaded. That moves the state and the entities, before any message is
   received and any entity is added.
"""

from collections.abc import Callable

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er

from ..const import DOMAIN, LOGGER
from ..model.device import Device
from ..model.replacement import take_over
from .registry import DeviceRegistry, device_id_of, unique_id_of
from .retained import RetainedHeartbeats
from .store import Saver


class Replacements:
    """The replacements of devices of one config entry."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry_id: str,
        registry: DeviceRegistry,
        retained: RetainedHeartbeats,
        saver: Saver,
    ) -> None:
        """Set where the devices are known."""
        self._hass = hass
        self._entry_id = entry_id
        self._registry = registry
        self._retained = retained
        self._saver = saver
        self._completed: list[str] = []
        """The devices that have to be saved."""

    async def async_replace(
        self, old: Device, new: Device, raise_if_link_down: Callable[[], None]
    ) -> None:
        """Replace a device, and reload the entry.

        Raises ServiceValidationError if the devices do not allow it, and
        HomeAssistantError while the link is down, if the broker does not clear the
        heartbeat, and if the store can't be written.
        """
        _raise_if_not_replaceable(old, new)
        raise_if_link_down()
        await self._retained.async_clear(old.device_id)
        # It may have come online, or the entry been unloaded meanwhile.
        _raise_if_not_replaceable(old, new)
        raise_if_link_down()
        new.replaces = old.device_id
        try:
            await self._saver.async_save_now()
            _raise_if_not_replaceable(old, new)
        except HomeAssistantError:
            new.replaces = None
            self._saver.async_save_soon(new.device_id)
            raise
        if not await self._hass.config_entries.async_reload(self._entry_id):
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="not_running"
            )

    @callback
    def async_complete(self, stored: dict[str, Device]) -> None:
        """Complete the replacements that are stored."""
        for new in tuple(stored.values()):
            if new.device_id not in stored:
                # It was replaced just now.
                continue
            old_id, new.replaces = new.replaces, None
            dropped: list[str] = []
            if (
                old_id is not None
                and old_id != new.device_id
                and (old := stored.pop(old_id, None)) is not None
            ):
                dropped = take_over(new, old)
                if (entry := self._registry.entry_of(old_id)) is not None:
                    new.registry_id = entry.id
                LOGGER.info("Device %s replaces %s", new.device_id, old_id)
                self._completed.append(new.device_id)
            self._move_entities(new)
            for subsystem in dropped:
                self._registry.async_discard_alert_sensor(new.device_id, subsystem)

    @callback
    def async_save(self) -> None:
        """Save what was completed."""
        for device_id in self._completed:
            self._saver.async_save_soon(device_id)

    def _move_entities(self, new: Device) -> None:
        """Move the entities of a replaced device.

        Home Assistant saves its registries later than Vesper its store, so this is done
        again if Home Assistant was killed in between.
        """
        devices = dr.async_get(self._hass)
        old_entry = devices.async_get(new.registry_id) if new.registry_id else None
        if (
            old_entry is None
            or old_entry.config_entry_id != self._entry_id
            or (old_id := device_id_of(old_entry)) in (None, new.device_id)
        ):
            return
        entities = er.async_get(self._hass)
        # The customizations are those of the old entities.
        for entity in _entities_of(entities, old_entry):
            unique_id = unique_id_of(
                self._entry_id,
                new.device_id,
                entity.unique_id.removeprefix(unique_id_of(self._entry_id, old_id, "")),
            )
            if made := entities.async_get_entity_id(entity.domain, DOMAIN, unique_id):
                entities.async_remove(made)
            entities.async_update_entity(entity.entity_id, new_unique_id=unique_id)
        if (new_entry := self._registry.entry_of(new.device_id)) is not None:
            for entity in _entities_of(entities, new_entry):
                entities.async_update_entity(entity.entity_id, device_id=old_entry.id)
            devices.async_remove_device(new_entry.id)
        devices.async_update_device(
            old_entry.id, new_identifiers={(DOMAIN, new.device_id)}
        )
        self._registry.async_register(new)


def _entities_of(
    entities: er.EntityRegistry, device: dr.AnyDeviceEntry
) -> list[er.RegistryEntry]:
    """Return all entities of a device, also disabled ones."""
    return er.async_entries_for_device(
        entities, device.id, include_disabled_entities=True
    )


def _raise_if_not_replaceable(old: Device, new: Device) -> None:
    """Raise ServiceValidationError unless one may replace the other."""
    if new is old:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="replaced_by_itself",
            translation_placeholders={"device_id": new.device_id},
        )
    # After a restart, one that was offline is so until it is heard.
    if old.was_online is not False:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="replaced_online",
            translation_placeholders={"device_id": old.device_id},
        )
    if new.last_seen is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="replacement_unknown",
            translation_placeholders={"device_id": new.device_id},
        )
