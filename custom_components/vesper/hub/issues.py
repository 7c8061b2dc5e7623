"""Raise and delete the repair issues of devices."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import time

from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.translation import async_translate_state

from ..const import DOMAIN
from ..model.alerts import MAX_ACTIVE
from ..model.device import Device
from ..model.heap_trend import HORIZON
from ..model.restarts import Restart
from ..model.stability import CONNECTIVITY, RESTARTS
from ..protocol.codes import ResetReason, key_of
from .chunks import async_in_chunks
from .registry import DeviceRegistry
from .repair_issue import async_raise_issue, device_placeholders, issue_id_of
from .silent_devices import SilentDevices

CHECK_INTERVAL = timedelta(minutes=1)

type StateNames = Callable[[str, str], str]
"""Return the name of a state, by the key of its sensor."""


@dataclass(frozen=True, kw_only=True)
class IssueDescription:
    """One thing that can be wrong with a device.

    Home Assistant renders the placeholders as Markdown. So none may be text from the
    device. Allowed are numbers, names of states, names of fields, the device id, whose
    characters are limited, and the name that the user gave the device.
    """

    key: str
    severity: ir.IssueSeverity
    value_fn: Callable[[Device, float, StateNames], dict[str, str] | None]
    """Return the placeholders, or None without a problem.

    The second argument is the time in seconds since 1970.
    """


ISSUES = (
    IssueDescription(
        key="heap_exhaustion",
        severity=ir.IssueSeverity.WARNING,
        value_fn=lambda device, *_: (
            {"hours": str(max(1, round(left / 3600)))}
            if (left := device.heap_trend.seconds_left(device.restarts.uptime or 0))
            is not None
            and left < HORIZON
            else None
        ),
    ),
    IssueDescription(
        key="lost_alert",
        severity=ir.IssueSeverity.ERROR,
        value_fn=lambda device, *_: (
            {"fields": _named(device.alerts.lost.fields)}
            if device.alerts.lost.fields
            else None
        ),
    ),
    IssueDescription(
        key="malformed_heartbeats",
        severity=ir.IssueSeverity.WARNING,
        value_fn=lambda device, *_: (
            {"fields": _named(streak.fields)}
            if (streak := device.fault_streak) is not None and streak.lasting
            else None
        ),
    ),
    IssueDescription(
        key="more_alerts",
        severity=ir.IssueSeverity.ERROR,
        value_fn=lambda device, _, state_name: (
            {
                "limit": str(MAX_ACTIVE),
                "severity": state_name("health", device.alerts.further.key),
            }
            if device.alerts.further
            else None
        ),
    ),
    IssueDescription(
        key="restart_loop",
        severity=ir.IssueSeverity.ERROR,
        value_fn=lambda device, now, state_name: (
            {
                "reasons": _counted(restarts, state_name),
                "restarts": str(len(restarts)),
            }
            if (restarts := device.restarts.loop(now))
            else None
        ),
    ),
    IssueDescription(
        key="shared_id",
        severity=ir.IssueSeverity.ERROR,
        value_fn=lambda device, now, _: (
            {"device_id": device.device_id}
            if device.restarts.is_id_shared(now)
            else None
        ),
    ),
    IssueDescription(
        key="unstable",
        severity=ir.IssueSeverity.WARNING,
        value_fn=lambda device, *_: (
            {
                "connectivity": str(changes.get(CONNECTIVITY, 0)),
                "alerts": str(
                    sum(changes.values())
                    - changes.get(CONNECTIVITY, 0)
                    - changes.get(RESTARTS, 0)
                ),
            }
            if device.stability is not None
            and (changes := device.stability.unstable).keys() - {RESTARTS}
            else None
        ),
    ),
)


def _named(fields: Iterable[str]) -> str:
    """Return the names of the fields that were wrong."""
    return ", ".join(sorted(path or "payload" for path in fields))


def _counted(restarts: Iterable[Restart], state_name: StateNames) -> str:
    """Return the reasons of restarts, the most frequent first."""
    return ", ".join(
        f"{reason} \N{MULTIPLICATION SIGN}{count}" if count > 1 else reason
        for reason, count in Counter(
            _reason(restart.reason, state_name) for restart in restarts
        ).most_common()
    )


def _reason(code: int, state_name: StateNames) -> str:
    """Return the reason of a restart in words."""
    name = state_name("reset_reason", key_of(ResetReason, code))
    return name if code in ResetReason else f"{name} ({code})"


class Issues:
    """The repair issues of one config entry's devices."""

    def __init__(
        self,
        hass: HomeAssistant,
        devices: Mapping[str, Device],
        registry: DeviceRegistry,
    ) -> None:
        """Set the devices, and the registry with their names."""
        self._hass = hass
        self._devices = devices
        self._registry = registry
        self._raised: dict[str, dict[str, str]] = {}
        """The ids of the raised issues, by device and key."""
        self._silent = SilentDevices(hass, registry)
        self._closed = False

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Check all devices regularly; returns what ends that."""
        # Home Assistant keeps all issues that were open when it stopped; these are
        # raised again with another id.
        entry_id = self._registry.entry_id
        kinds = tuple(issue_id_of(one.key, entry_id, "") for one in ISSUES)
        for domain, issue_id in tuple(ir.async_get(self._hass).issues):
            if domain == DOMAIN and issue_id.startswith(kinds):
                ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        for device in self._devices.values():
            if device.unstable:
                self.async_check(device)
        return async_track_time_interval(
            self._hass, self._async_check_all, CHECK_INTERVAL
        )

    @callback
    def async_close(self) -> None:
        """Delete all issues."""
        self._closed = True
        for raised in self._raised.values():
            for issue_id in raised.values():
                ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        self._silent.async_close()

    @callback
    def async_discard(self, device_id: str) -> None:
        """Delete the issues of a device."""
        for issue_id in self._raised.pop(device_id, {}).values():
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        self._silent.async_discard(device_id)

    @callback
    def async_check(self, device: Device) -> None:
        """Raise or delete the issues of a device."""
        if device.disabled:
            self.async_discard(device.device_id)
            return
        now = time()
        for description in ISSUES:
            if (
                placeholders := description.value_fn(device, now, self._state_name)
            ) is not None:
                self._async_raise(device.device_id, description, placeholders, now)
            elif issue_id := self._raised.get(device.device_id, {}).pop(
                description.key, None
            ):
                ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        self._silent.async_check(device)

    def _state_name(self, key: str, state: str) -> str:
        """Return the name of a sensor's state."""
        return async_translate_state(
            self._hass, state, Platform.SENSOR, DOMAIN, key, None
        )

    @callback
    def _async_raise(
        self,
        device_id: str,
        description: IssueDescription,
        placeholders: dict[str, str],
        now: float,
    ) -> None:
        """Raise an issue, or update it."""
        # The id contains the time, so ignoring the issue ignores only this incident.
        issue_id = self._raised.setdefault(device_id, {}).setdefault(
            description.key,
            issue_id_of(
                description.key, self._registry.entry_id, device_id, f"{now:.0f}"
            ),
        )
        async_raise_issue(
            self._hass,
            entry_id=self._registry.entry_id,
            issue_id=issue_id,
            key=description.key,
            placeholders={
                **device_placeholders(self._registry, device_id),
                **placeholders,
            },
            severity=description.severity,
        )

    async def _async_check_all(self, _now: datetime) -> None:
        """Check all devices, in chunks."""
        async for device in async_in_chunks(tuple(self._devices.values())):
            # Both may have changed since the last chunk.
            if not self._closed and self._devices.get(device.device_id) is device:
                self.async_check(device)
        if not self._closed:
            self._silent.async_raise()
