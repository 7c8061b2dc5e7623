"""Run automations for occurrences that last on devices."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from time import time
from typing import Any, Final, override

import voluptuous as vol

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.trigger import (
    ATTR_BEHAVIOR,
    BEHAVIOR_ALL,
    BEHAVIOR_EACH,
    BEHAVIOR_FIRST,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)

from ..model.device import Device
from ..model.occurrence import Occurrence, OccurrenceKind
from .hub import VesperHub
from .lasting_trigger import FOR_OPTION, Begun, Key, LastingTrigger
from .occurrences import PublishedOccurrence
from .targets import find

#: The key of what is true for the first device, or for all.
_COMBINED: Final[Key] = ("", None)

LASTING_OPTIONS: dict[vol.Marker, Any] = {
    vol.Required(ATTR_BEHAVIOR, default=BEHAVIOR_EACH): vol.In(
        [BEHAVIOR_EACH, BEHAVIOR_FIRST, BEHAVIOR_ALL]
    ),
    **FOR_OPTION,
}


def begun_at(begun: Begun) -> float:
    """Return since when something lasts."""
    return begun[0]


class DeviceTrigger(LastingTrigger):
    """Trigger for each device, the first or all.

    Devices know since when something lasts.
    """

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Set for how many devices."""
        super().__init__(hass, config)
        self._behavior: str = self._options.get(ATTR_BEHAVIOR, BEHAVIOR_EACH)

    @override
    def _key(self, registry_id: str, occurrence: Occurrence) -> Key:
        """Return the key of an occurrence."""
        if self._behavior == BEHAVIOR_EACH:
            return super()._key(registry_id, occurrence)
        return _COMBINED

    @override
    def _lasting(self) -> Iterable[Begun]:
        """Return what lasts; for first and all, one."""
        found = tuple(self._devices())
        if self._behavior == BEHAVIOR_EACH:
            return [begun for one in found for begun in self._begun_on(*one)]
        holding = [one for one in found if self._was_so(one[2])]
        begun = [
            self._became_so(of_device)
            for one in holding
            if (of_device := self._begun_on(*one))
        ]
        if self._behavior == BEHAVIOR_FIRST:
            # Without a beginning, it was true for another one before.
            is_first = len(begun) == len(holding)
            return [min(begun, key=begun_at)] if begun and is_first else []
        is_all = all(self._was_so(device) is not False for *_, device in found)
        return [max(begun, key=begun_at)] if begun and is_all else []

    def _begun_on(
        self, registry_id: str, hub: VesperHub, device: Device
    ) -> list[Begun]:
        """Return what lasts on a device."""
        return [
            (
                since,
                hub,
                PublishedOccurrence(
                    registry_id=registry_id,
                    occurrence=occurrence,
                    suppressed=False,
                    context=None,
                    unstable=tuple(device.unstable),
                ),
            )
            for occurrence, since in self._begun(device)
        ]

    def _became_so(self, begun: list[Begun]) -> Begun:
        """Return what made it true for a device."""
        return min(begun, key=begun_at)

    @callback
    @override
    def _async_occurred(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None,
        published: PublishedOccurrence,
    ) -> None:
        """Cancel what no longer holds for any or all.

        After maintenance, a device counts again.
        """
        if (
            _COMBINED in self._pending
            and published.occurrence.kind
            in (self.kind, self._opposite, OccurrenceKind.MAINTENANCE_ENDED)
            and not self._holds()
        ):
            self._async_cancel(_COMBINED)
        super()._async_occurred(run_action, did_not_trigger, published)
        if published.occurrence.kind is OccurrenceKind.MAINTENANCE_ENDED:
            self._async_maintenance_ended(run_action, published)

    @callback
    def _async_maintenance_ended(
        self, run_action: TriggerActionRunner, published: PublishedOccurrence
    ) -> None:
        """Run for what has lasted since before maintenance."""
        since = published.occurrence.maintenance_since
        found = self._find(published.registry_id)
        if (
            self._duration is None
            or self._behavior != BEHAVIOR_EACH
            or since is None
            or found is None
            or not self._is_targeted(published.registry_id)
        ):
            return
        for begun, _, lasting in self._begun_on(published.registry_id, *found):
            deadline = begun + self._duration.total_seconds()
            key = self._key(lasting.registry_id, lasting.occurrence)
            if begun < since <= deadline <= time() and key not in self._pending:
                self._async_start_timer(run_action, lasting, 0)

    @callback
    @override
    def _async_goes_on(
        self, run_action: TriggerActionRunner, published: PublishedOccurrence
    ) -> bool:
        """Cancel a device's timer, unless it goes on."""
        return self._behavior == BEHAVIOR_EACH and super()._async_goes_on(
            run_action, published
        )

    @callback
    @override
    def _async_run(
        self, run_action: TriggerActionRunner, published: PublishedOccurrence
    ) -> None:
        """Run the action if the behavior allows it."""
        if self._behavior == BEHAVIOR_EACH or (
            _COMBINED not in self._pending
            and self._is_new(published)
            and self._holds(begins=True)
        ):
            super()._async_run(run_action, published)

    @override
    def _current(self, registry_id: str, occurrence: Occurrence) -> Occurrence | None:
        """Return the occurrence as the devices show it."""
        if self._behavior != BEHAVIOR_EACH:
            return occurrence if self._holds() else None
        if (device := self._device(registry_id)) is None:
            return occurrence
        return None if device.is_suppressed(time()) else self._of(device, occurrence)

    @override
    def _is_interrupted(self, registry_id: str, occurrence: Occurrence) -> bool:
        """Return whether what is over at present may return."""
        device = self._device(registry_id)
        return (
            self._behavior == BEHAVIOR_EACH
            and device is not None
            and not device.is_suppressed(time())
            and self._may_return(device, occurrence)
        )

    def _device(self, registry_id: str) -> Device | None:
        """Return a device, None without its loaded entry."""
        found = self._find(registry_id)
        return found and found[1]

    def _find(self, registry_id: str) -> tuple[VesperHub, Device] | None:
        """Return a device with its hub."""
        registered = dr.async_get(self._hass).async_get(registry_id)
        return find(self._hass, registered) if registered else None

    def _devices(self) -> Iterator[tuple[str, VesperHub, Device]]:
        """Yield the targeted devices that are in use."""
        registry = dr.async_get(self._hass)
        for registry_id in self._target.device_ids:
            registered = registry.async_get(registry_id)
            if registered and (found := find(self._hass, registered)):
                hub, device = found
                if not device.is_suppressed(time()):
                    yield registry_id, hub, device

    def _holds(self, *, begins: bool = False) -> bool:
        """Return whether it is true for any or all.

        For the first device, it begins only while it is true for no other.
        """
        known = (
            is_so
            for *_, device in self._devices()
            if (is_so := self._is_so(device)) is not None
        )
        if self._behavior == BEHAVIOR_ALL:
            # Not if there is none.
            return next(known, False) and all(known)
        return any(known) and not (begins and any(known))

    def _is_new(self, _published: PublishedOccurrence) -> bool:
        """Return whether it was not true before."""
        return True

    def _may_return(self, _device: Device, _occurrence: Occurrence) -> bool:
        """Return whether an occurrence that is over may return."""
        return False

    @abstractmethod
    def _begun(self, device: Device) -> Iterator[tuple[Occurrence, float]]:
        """Yield what lasts on a device, and since when."""

    @abstractmethod
    def _is_so(self, device: Device) -> bool | None:
        """Return whether it is true, None if not known."""

    def _was_so(self, device: Device) -> bool | None:
        """Return whether it was true, as known last."""
        return self._is_so(device)

    def _of(self, device: Device, occurrence: Occurrence) -> Occurrence | None:
        """Return the occurrence as the device shows it.

        None if it is over.
        """
        return occurrence if self._is_so(device) else None
