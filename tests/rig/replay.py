"""Replay what happened to simulated devices.

The model of the integration handles the timelines, so that what it stores and what the
entities have shown agree.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
import heapq
from typing import Any, Final, NamedTuple

from custom_components.vesper.model.availability import MONTH, WINDOWS
from custom_components.vesper.model.availability_report import percentage
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.fleet import Fleet
from custom_components.vesper.model.outages import Outages
from custom_components.vesper.protocol.alert import Alert
from custom_components.vesper.protocol.codes import ResetReason, key_of
from custom_components.vesper.protocol.heartbeat import Heartbeat
from custom_components.vesper.protocol.severity import Severity

from .timeline import BOOT, DAY, TIMEOUT, Bell, Kind, Step, timeline

#: In place of the device id, in states of the fleet.
FLEET: Final = ""

_FLAGS: Final[Mapping[bool | None, str]] = {True: "on", False: "off", None: "unknown"}

#: After these the integration writes the availability.
_CONNECTIVITY: Final = {Kind.HEARD, Kind.TIMED_OUT, Kind.RESTARTED, Kind.HOUR}

type _Shown = tuple[str, str, Mapping[str, Any]]


class State(NamedTuple):
    """A state that an entity wrote."""

    at: int
    device_id: str
    """`FLEET` for an entity of the fleet."""
    key: str
    state: str
    attributes: Mapping[str, Any]


class Past:
    """What a replay results in."""

    def __init__(self, bells: Sequence[Bell], start: int, end: int) -> None:
        """Set the devices, before anything happens."""
        self.start = start
        self.end = end
        self.devices = {
            bell.device_id: Device(device_id=bell.device_id) for bell in bells
        }
        """The devices, in the end as all steps left them."""
        self.states: list[State] = []
        """What their entities have shown, in order."""
        self._versions = {bell.device_id: bell.version for bell in bells}
        self._booted = {
            bell.device_id: bell.booted if bell.booted <= start else start - DAY
            for bell in bells
        }
        self._fleet = Fleet()
        self._outages = Outages(TIMEOUT)
        self._last_id = max(self.devices)
        self._shown: dict[tuple[str, str], tuple[str, Mapping[str, Any]]] = {}

    def apply(self, device_id: str, step: Step) -> None:
        """Apply a step of a device."""
        device = self.devices[device_id]
        if step.kind is Kind.RESTARTED:
            self._booted[device_id] = step.at - BOOT
        was_online = device.online
        is_used = was_online and not device.in_maintenance
        online_before = self._fleet.online_in_use if is_used else None
        uptime = step.at - self._booted[device_id]
        _apply(device, step, uptime, self._versions[device_id])
        self._fleet.update(device)
        if step.kind is Kind.TIMED_OUT:
            self._outages.went_offline(device_id, step.at, online_before)
            self._outages.end_outage(step.at)
            self._outages.start_outage(step.at, step.at)
            outage = self._outages.current
            for lost in outage.offline if outage else ():
                self.devices[lost].availability.record_fleet_outage()
        elif device.online and not was_online:
            self._outages.came_online(device_id, step.at)
        self._show(step.at, device_id, _states(device))
        if step.kind in _CONNECTIVITY:
            self._show(step.at, device_id, _availability_states(device, step.at))
        # Not while the first heartbeats arrive.
        if self._fleet.devices == len(self.devices):
            self._show(step.at, FLEET, _fleet_states(self._fleet))
        # The last device of this hour.
        if step.kind is Kind.HOUR and device_id == self._last_id:
            self._show(step.at, FLEET, self._availability_states(step.at))

    def _show(self, at: int, device_id: str, shown: Iterator[_Shown]) -> None:
        """Add the states that have changed."""
        for key, state, attributes in shown:
            if self._shown.get((device_id, key)) != (state, attributes):
                self._shown[device_id, key] = (state, attributes)
                self.states.append(State(at, device_id, key, state, attributes))

    def _availability_states(self, now: int) -> Iterator[_Shown]:
        """Yield the availability of the fleet."""
        windows = [
            device.availability.window(MONTH, now) for device in self.devices.values()
        ]
        known = [window for window in windows if window.ratio is not None]
        observed = sum(window.observed for window in known)
        online = sum(window.online for window in known)
        ratio = online / observed if observed else None
        yield "fleet_availability", _known(percentage(ratio)), {}


def replay(bells: Sequence[Bell], seed: int, start: int, end: int) -> Past:
    """Replay the timelines of a fleet."""
    past = Past(bells, start, end)
    timelines = (
        [(step.at, bell.device_id, step) for step in timeline(seed, bell, start, end)]
        for bell in bells
    )
    for _, device_id, step in heapq.merge(*timelines, key=lambda row: row[:2]):
        past.apply(device_id, step)
    return past


def _apply(device: Device, step: Step, uptime: int, version: str) -> None:
    """Apply a step as the hub does."""
    match step.kind:
        case Kind.HEARD | Kind.RESTARTED:
            heartbeat = Heartbeat(
                uptime=uptime,
                heap_free=None,
                heap_min_free=None,
                reset_reason=step.code,
                last_disconnect_code=None,
                firmware_version=version,
                recent_events=None,
                payload=b"",
                faults=[],
            )
            device.apply(heartbeat, live=True, now=step.at)
            # Only some of the heartbeats are here, so they show no rhythm.
            device.rhythm.interrupt()
        case Kind.TIMED_OUT:
            device.mark_offline(step.at)
        case Kind.ALERT if step.fault is not None:
            subsystem, severity, message = step.fault
            alert = Alert(
                subsystem=subsystem, severity=severity, message=message, faults=[]
            )
            device.apply(alert, live=True, now=step.at)
        case Kind.MAINTENANCE:
            device.set_maintenance(step.until)
    device.occurrences = ()
    device.availability.update(
        observed=device.is_observed,
        online=device.online,
        heard=device.heard,
        now=step.at,
        monotonic=step.at,
    )


def _states(device: Device) -> Iterator[_Shown]:
    """Yield what the entities show."""
    alerts, telemetry = device.alerts, device.telemetry
    seen = {}
    if device.online is False and device.last_seen is not None:
        seen = {"last_seen": _iso(device.last_seen)}
    yield "connectivity", _FLAGS[device.online], seen
    yield "problem", _FLAGS[device.has_problem], {}
    yield "health", alerts.severity.key, {}
    yield "active_alerts", str(len(alerts.active)), {}
    for subsystem in alerts.subsystems:
        attributes: dict[str, Any] = {"subsystem": subsystem}
        state = Severity.OK.key
        if (alert := alerts.active.get(subsystem)) is not None:
            state = alert.severity.key
            attributes |= {
                "message": alert.message,
                "updated_at": alert.updated_at.isoformat(),
                "confirmed": alert.confirmed,
                "acknowledged": alert.acknowledged,
                "acknowledged_by": alert.acknowledged_by,
                "note": alert.note,
            }
        yield f"alert_{subsystem}", state, attributes
    until = device.maintenance_until
    attributes = {} if until is None else {"until": _iso(until), "set_by": None}
    yield "maintenance", _FLAGS[device.in_maintenance], attributes
    if (code := telemetry.reset_reason) is not None:
        yield "reset_reason", key_of(ResetReason, code), {"code": code}
    if telemetry.boot_time is not None:
        yield "boot_time", _iso(telemetry.boot_time), {}


def _availability_states(device: Device, now: int) -> Iterator[_Shown]:
    """Yield what the entities show that change with time."""
    history = device.availability
    percentages = {
        name: percentage(history.window(name, now).ratio) for name in WINDOWS
    }
    yield "availability", _known(percentages.pop(MONTH)), percentages
    yield "restarts", str(history.count_restarts(MONTH, now)), {}


def _fleet_states(fleet: Fleet) -> Iterator[_Shown]:
    """Yield what the entities of the fleet show."""
    yield "devices", str(fleet.devices), {}
    yield "devices_online", str(fleet.online), {}
    yield "devices_offline", str(fleet.offline), {}
    yield "devices_with_alerts", str(fleet.with_alerts), {}
    yield "fleet_health", fleet.health, {}
    yield "fleet_problem", _FLAGS[fleet.health != Severity.OK.key], {}
    yield "mqtt_link", "on", {}


def _known(value: float | None) -> str:
    return "unknown" if value is None else str(value)


def _iso(timestamp: float) -> str:
    return datetime.fromtimestamp(int(timestamp), UTC).isoformat()
