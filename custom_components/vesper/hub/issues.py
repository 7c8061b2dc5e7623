"""Raise a repair issue where a person can act on a device, until it is over."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import time

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_track_time_interval

from ..const import DOMAIN
from ..model.device import Device
from ..model.heap_trend import HORIZON
from ..model.restarts import Restart
from ..protocol.codes import ResetReason, label_of
from .chunks import async_work_off
from .registry import DeviceRegistry

CHECK_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class IssueDescription:
    """One thing that can be wrong with a device.

    What its texts are filled in with is rendered as Markdown. So none of it may be a
    device's own words: only numbers, what the tables and paths of the model name, the
    id, which a pattern bounds, and the name that a person gives.
    """

    key: str
    severity: ir.IssueSeverity
    value_fn: Callable[[Device, float], dict[str, str] | None]
    """What fills in its texts at a time in seconds since 1970; None if all is well."""


DESCRIPTIONS = (
    IssueDescription(
        key="heap_exhaustion",
        severity=ir.IssueSeverity.WARNING,
        value_fn=lambda device, _: (
            {"hours": str(max(1, round(left / 3600)))}
            if (left := device.heap.seconds_left(device.uptime or 0)) is not None
            and left < HORIZON
            else None
        ),
    ),
    IssueDescription(
        key="malformed_heartbeats",
        severity=ir.IssueSeverity.WARNING,
        value_fn=lambda device, _: (
            {"fields": ", ".join(sorted(path or "the payload" for path in run.fields))}
            if (run := device.malformed) is not None and run.lasting
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
            {"device_id": device.device_id} if device.restarts.are_mixed(now) else None
        ),
    ),
)


def _counted(restarts: Iterable[Restart]) -> str:
    """Return the reasons of restarts by name, the most frequent first."""
    reasons = Counter(label_of(ResetReason, restart.reason) for restart in restarts)
    return ", ".join(
        f"{reason} x{count}" if count > 1 else reason
        for reason, count in reasons.most_common()
    )


class Issues:
    """The repair issues of the devices of one config entry."""

    def __init__(
        self,
        hass: HomeAssistant,
        devices: Mapping[str, Device],
        registry: DeviceRegistry,
    ) -> None:
        """Take the devices by id, and where their names are."""
        self._hass = hass
        self._devices = devices
        self._registry = registry
        self._raised: dict[str, dict[str, str]] = {}
        """The ids of the issues that stand, by device and kind."""
        self._closed = False

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Look after all devices from now on; returns what ends it."""
        # Home Assistant keeps in mind for ever which issues there were when it stopped,
        # in case that they come again; these are told anew, under another id.
        kinds = tuple(f"{description.key}/" for description in DESCRIPTIONS)
        for domain, issue_id in tuple(ir.async_get(self._hass).issues):
            if domain == DOMAIN and issue_id.startswith(kinds):
                ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        return async_track_time_interval(
            self._hass, self._async_check_all, CHECK_INTERVAL
        )

    @callback
    def async_close(self) -> None:
        """Withdraw what was told, for good."""
        self._closed = True
        for device_id in tuple(self._raised):
            self.async_forget(device_id)

    @callback
    def async_forget(self, device_id: str) -> None:
        """Withdraw what was told of a device."""
        for issue_id in self._raised.pop(device_id, {}).values():
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)

    @callback
    def async_check(self, device: Device) -> None:
        """Raise what is wrong with a device, and withdraw what is not so any more."""
        now = time()
        for description in DESCRIPTIONS:
            if (told := description.value_fn(device, now)) is not None:
                self._async_raise(device.device_id, description, told, now)
            elif issue_id := self._raised.get(device.device_id, {}).pop(
                description.key, None
            ):
                ir.async_delete_issue(self._hass, DOMAIN, issue_id)

    @callback
    def _async_raise(
        self,
        device_id: str,
        description: IssueDescription,
        told: dict[str, str],
        now: float,
    ) -> None:
        """Raise an issue, or bring the one that stands up to date."""
        # The time is in its id, for who ignores it ignores it this one time.
        issue_id = self._raised.setdefault(device_id, {}).setdefault(
            description.key, f"{description.key}/{device_id}/{now:.0f}"
        )
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=description.severity,
            translation_key=description.key,
            translation_placeholders={
                # In the description it stands between backticks.
                "device": self._registry.name_of(device_id).replace("`", "'"),
                **told,
            },
        )

    @callback
    def _async_check_all(self, _now: datetime) -> None:
        """Check all devices, in slices."""
        async_work_off(self._hass, self._check(tuple(self._devices.values())))

    def _check(self, devices: Iterable[Device]) -> Iterator[None]:
        """Check one device at each step."""
        for device in devices:
            # Both may have changed in the turns between two slices.
            if not self._closed and self._devices.get(device.device_id) is device:
                self.async_check(device)
            yield
