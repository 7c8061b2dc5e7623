"""Raise and delete the repair issues of devices."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import time

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_track_time_interval

from ..const import DOMAIN
from ..model.alerts import MAX_ACTIVE
from ..model.device import Device
from ..model.heap_trend import HORIZON
from ..model.restarts import Restart
from ..model.stability import CONNECTIVITY
from ..protocol.codes import ResetReason, label_of
from .chunks import async_in_chunks
from .registry import DeviceRegistry

CHECK_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class IssueDescription:
    """One thing that can be wrong with a device.

    Home Assistant renders the placeholders as Markdown. So none may be text from the
    device. Allowed are numbers, names from our own tables, names of fields, the device
    id, whose characters are limited, and the name that the user gave the device.
    """

    key: str
    severity: ir.IssueSeverity
    value_fn: Callable[[Device, float], dict[str, str] | None]
    """Return the placeholders, or None without a problem.

    The second argument is the time in seconds since 1970.
    """


ISSUES = (
    IssueDescription(
        key="heap_exhaustion",
        severity=ir.IssueSeverity.WARNING,
        value_fn=lambda device, _: (
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
        value_fn=lambda device, _: (
            {"fields": _named(device.alerts.lost.fields)}
            if device.alerts.lost.fields
            else None
        ),
    ),
    IssueDescription(
        key="malformed_heartbeats",
        severity=ir.IssueSeverity.WARNING,
        value_fn=lambda device, _: (
            {"fields": _named(streak.fields)}
            if (streak := device.fault_streak) is not None and streak.lasting
            else None
        ),
    ),
    IssueDescription(
        key="more_alerts",
        severity=ir.IssueSeverity.ERROR,
        value_fn=lambda device, _: (
            {"limit": str(MAX_ACTIVE), "severity": device.alerts.further.name}
            if device.alerts.further
            else None
        ),
    ),
    IssueDescription(
        key="restart_loop",
        severity=ir.IssueSeverity.ERROR,
        value_fn=lambda device, now: (
            {"reasons": _counted(restarts), "restarts": str(len(restarts))}
            if (restarts := device.restarts.loop(now))
            else None
        ),
    ),
    IssueDescription(
        key="shared_id",
        severity=ir.IssueSeverity.ERROR,
        value_fn=lambda device, now: (
            {"device_id": device.device_id}
            if device.restarts.is_id_shared(now)
            else None
        ),
    ),
    IssueDescription(
        key="unstable",
        severity=ir.IssueSeverity.WARNING,
        value_fn=lambda device, _: (
            {
                "connectivity": str(changes.get(CONNECTIVITY, 0)),
                "alerts": str(sum(changes.values()) - changes.get(CONNECTIVITY, 0)),
            }
            if device.stability is not None and (changes := device.stability.unstable)
            else None
        ),
    ),
)


@callback
def async_raise_issue(  # noqa: PLR0913  # all that differs between issues
    hass: HomeAssistant,
    *,
    key: str,
    placeholders: dict[str, str],
    severity: ir.IssueSeverity,
    is_persistent: bool = False,
    issue_id: str | None = None,
) -> None:
    """Raise an issue, or update it.

    `key` is the key of its translation, and also its id unless `issue_id` is set.
    """
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id or key,
        is_fixable=False,
        is_persistent=is_persistent,
        severity=severity,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def _named(fields: Iterable[str]) -> str:
    """Return the names of the fields that were wrong."""
    return ", ".join(sorted(path or "the payload" for path in fields))


def _counted(restarts: Iterable[Restart]) -> str:
    """Return the reasons of restarts, the most frequent first."""
    reasons = Counter(label_of(ResetReason, restart.reason) for restart in restarts)
    return ", ".join(
        f"{reason} x{count}" if count > 1 else reason
        for reason, count in reasons.most_common()
    )


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
        self._closed = False

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Check all devices regularly; returns what ends that."""
        # Home Assistant keeps all issues that were open when it stopped; these are
        # raised again with another id.
        kinds = tuple(f"{description.key}/" for description in ISSUES)
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
        for device_id in tuple(self._raised):
            self.async_discard(device_id)

    @callback
    def async_discard(self, device_id: str) -> None:
        """Delete the issues of a device."""
        for issue_id in self._raised.pop(device_id, {}).values():
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)

    @callback
    def async_check(self, device: Device) -> None:
        """Raise or delete the issues of a device."""
        if device.disabled:
            self.async_discard(device.device_id)
            return
        now = time()
        for description in ISSUES:
            if (placeholders := description.value_fn(device, now)) is not None:
                self._async_raise(device.device_id, description, placeholders, now)
            elif issue_id := self._raised.get(device.device_id, {}).pop(
                description.key, None
            ):
                ir.async_delete_issue(self._hass, DOMAIN, issue_id)

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
            description.key, f"{description.key}/{device_id}/{now:.0f}"
        )
        placeholders = {
            # The description puts the name between backticks.
            "device": self._registry.name_of(device_id).replace("`", "'"),
            **placeholders,
        }
        async_raise_issue(
            self._hass,
            key=description.key,
            placeholders=placeholders,
            severity=description.severity,
            issue_id=issue_id,
        )

    async def _async_check_all(self, _now: datetime) -> None:
        """Check all devices, in chunks."""
        async for device in async_in_chunks(tuple(self._devices.values())):
            # Both may have changed since the last chunk.
            if not self._closed and self._devices.get(device.device_id) is device:
                self.async_check(device)
