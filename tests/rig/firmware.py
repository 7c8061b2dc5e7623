"""One simulated device that sends what the protocol allows.

No I/O and no clock: time is passed to `tick`, which returns what is published.
"""

from collections import deque
from dataclasses import asdict, dataclass
from enum import IntEnum
import json
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Mapping

type Severity = Literal["WARNING", "CRITICAL", "FAILED"]
type Version = Literal["1.0.0", "1.1.0"]

HEARTBEAT_SECONDS: Final = 30
HEALTH_CHECK_SECONDS: Final = 300

# The clock is not set at boot: events have no time until a time server responds.
CLOCK_SET_SECONDS: Final = 5

# No code of the Wi-Fi stack: the firmware logs it for a loss without a reason.
SILENT_DEATH: Final = 255

_HEAP_BYTES: Final = 178_000
_HEAP_SWING_BYTES: Final = 6_000
_HEAP_SWING_SECONDS: Final = 5_400
_RECENT_EVENTS: Final = 16


class EventTag(IntEnum):
    """The tags of ring buffer entries (docs/protocol.md, "Recent events")."""

    BOOT = 1
    WIFI_UP = 2
    WIFI_DOWN = 3
    HTTP_OK = 4
    HTTP_FAIL = 5
    HEARTBEAT_MISS = 6
    REBOOT = 8


class ResetReason(IntEnum):
    """Causes of a restart, as `esp_reset_reason()` numbers them."""

    POWER_ON = 1
    SOFTWARE = 3
    PANIC = 4
    TASK_WATCHDOG = 6
    BROWN_OUT = 9


class RebootCause(IntEnum):
    """Why the firmware itself requested a restart."""

    HEARTBEAT_MISS = 1
    FACTORY_RESET = 2
    OTA = 3
    WIFI_REPROV = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One MQTT message to publish."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert of one subsystem."""

    state: Severity
    message: str


@dataclass(frozen=True, slots=True)
class _Event:
    """A ring buffer entry, with names as in heartbeats."""

    t: int
    d0: int
    d1: int
    ts: int
    up: int


class Firmware:
    """A device as its own firmware sees it.

    Methods that change it do so at the time of the last `tick`; what they publish
    is returned by the next one.
    """

    def __init__(  # noqa: PLR0913  # what a device may differ in
        self,
        device_id: str,
        *,
        prefix: str = "vesper",
        version: Version = "1.1.0",
        booted: float = 0.0,
        epoch: float = 0.0,
        speed: float = 1.0,
    ) -> None:
        """Start at device time 0, running since `booted`.

        `booted` is in seconds of device time, so it is 0 or less; `epoch` is
        the unix time at device time 0. `speed` is seconds of device time per real
        second, of which its uptime consists. Heartbeats and health checks count from
        the boot, so `booted` also sets when the next ones are due.
        """
        self.device_id = device_id
        self.prefix = prefix
        self.version = version
        self.online = True
        self.melody: str | None = None
        self.playback_reported = False

        """Whether playback is known to clients: not before its first message or a
        restart, and not after a disconnect."""
        self.disconnect_code_reported = 0
        """The code of the last Wi-Fi disconnect that it has reported."""
        self._epoch = epoch
        self._speed = speed
        self._now = booted
        self._outbox: list[Publication] = []
        self._events: deque[_Event] = deque(maxlen=_RECENT_EVENTS)
        self._alerts: dict[str, Alert] = {}
        self._reported: dict[str, Alert | None] = {}
        self._disconnect_code = 0
        self._missed = 0
        self._fingerprint = crc32(device_id.encode())
        self._boot(ResetReason.POWER_ON)
        self.playback_reported = False  # that boot was before any client subscribed
        self._now = 0.0
        self._heartbeat_due = booted % HEARTBEAT_SECONDS
        self._health_check_due = booted % HEALTH_CHECK_SECONDS

    @property
    def uptime(self) -> int:
        """Whole real seconds since the last boot."""
        return int((self._now - self._booted) / self._speed)

    @property
    def playing(self) -> bool:
        """Whether a melody plays."""
        return self.melody is not None

    @property
    def alerts(self) -> Mapping[str, Alert]:
        """The current alerts by subsystem, reported or not."""
        return MappingProxyType(self._alerts)

    @property
    def reported(self) -> Mapping[str, Alert | None]:
        """The last report of each subsystem; None for cleared.

        An alert that ends between a restart and the next health check is never
        reported as CLEARED: reports from before the restart no longer count.
        """
        return {
            subsystem: alert
            if subsystem in self._reported_since_boot or subsystem in self._alerts
            else None
            for subsystem, alert in self._reported.items()
        }

    @property
    def next_due(self) -> float:
        """The device time of the next heartbeat or check."""
        return min(self._heartbeat_due, self._health_check_due)

    def tick(self, now: float) -> list[Publication]:
        """Advance device time and return what was published.

        `now` is the device time, in seconds.
        """
        self._now = max(self._now, now)
        if self._heartbeat_due <= self._now:
            self._heartbeat_due = _next_turn(
                self._heartbeat_due, HEARTBEAT_SECONDS, self._now
            )
            self._heartbeat()
        if self._health_check_due <= self._now:
            self._health_check_due = _next_turn(
                self._health_check_due, HEALTH_CHECK_SECONDS, self._now
            )
            self._report_changes()
        published, self._outbox = self._outbox, []
        return published

    def receive(self, topic: str, payload: bytes) -> None:
        """Handle `system.health` on its own control topic only."""
        if not self.online or topic != f"{self.prefix}/{self.device_id}/control":
            return
        try:
            command = json.loads(payload)
        except ValueError:
            return
        match command:
            case {"v": 2, "cmd": "system.health"}:
                self._heartbeat()
                self._report_changes()

    def raise_alert(self, subsystem: str, state: Severity, message: str) -> None:
        """Raise an alert or change its state.

        The same state sends nothing.
        """
        current = self._alerts.get(subsystem)
        if current is None or current.state != state:
            self._alerts[subsystem] = Alert(state, message)
            self._report_change(subsystem)

    def clear_alert(self, subsystem: str) -> None:
        """Clear an alert."""
        if self._alerts.pop(subsystem, None) is not None:
            self._report_change(subsystem)

    def start_playback(self, melody_uid: str) -> None:
        """Play a melody, replacing the current one."""
        self.melody = melody_uid
        self.playback_reported = True
        self._publish(
            "status/info",
            {"type": "playback_started", "payload": {"melody_uid": melody_uid}},
            qos=0,
        )

    def stop_playback(self) -> None:
        """Stop the melody, if one plays."""
        if self.melody is not None:
            self.melody = None
            self.playback_reported = True
            self._publish(
                "status/info", {"type": "playback_stopped", "payload": {}}, qos=0
            )

    def restart(
        self, reason: int = ResetReason.SOFTWARE, *, cause: RebootCause | None = None
    ) -> None:
        """Boot again, with a reset reason and a cause.

        `reason` is an `esp_reset_reason()`, `cause` is the firmware's own.

        The device comes back online with a heartbeat and starts as healthy:
        alerts are raised again at its next health check. The ring buffer
        survives the restart, else EVT_REBOOT could never be reported.
        """
        if cause is not None:
            self._log(EventTag.REBOOT, cause)
        self._boot(reason)
        self._heartbeat()

    def disconnect_wifi(self, code: int = SILENT_DEATH) -> None:
        """Disconnect with a `wifi_err_reason_t`: messages are lost meanwhile."""
        if self.online:
            self.online = False
            self.playback_reported = False
            self._disconnect_code = code
            self._log(EventTag.WIFI_DOWN, code)

    def reconnect_wifi(self) -> None:
        """Reconnect to the Wi-Fi and publish a heartbeat.

        Changes meanwhile were not reported, so the next health check reports
        them.
        """
        if not self.online:
            self._connect_wifi()
            self._heartbeat()

    def call_succeeded(self, path: str, elapsed_ms: int) -> None:
        """Log a successful HTTP call of the device."""
        self._log(EventTag.HTTP_OK, crc32(path.encode()), elapsed_ms)

    def call_failed(self, path: str, status: int) -> None:
        """Log a failed HTTP call, by status or errno."""
        self._log(EventTag.HTTP_FAIL, crc32(path.encode()), status)

    def _boot(self, reason: int) -> None:
        self._booted = self._now
        self.reset_reason = reason
        self._heap_min_free = _HEAP_BYTES
        self._reported_since_boot: set[str] = set()
        self.melody = None
        self.playback_reported = True
        self._log(EventTag.BOOT, reason)
        self._connect_wifi()
        self._heartbeat_due = self._now + HEARTBEAT_SECONDS
        self._health_check_due = self._now + HEALTH_CHECK_SECONDS

    def _connect_wifi(self) -> None:
        self.online = True
        self.disconnect_code_reported = self._disconnect_code
        self._missed = 0
        rssi_dbm = -40 - self._fingerprint % 40
        self._log(EventTag.WIFI_UP, rssi_dbm)

    def _log(self, tag: EventTag, d0: int, d1: int = 0) -> None:
        """Write an entry to the ring buffer.

        Data are 16 bits without a sign: -53 dBm is 65483.
        """
        up = self.uptime
        is_clock_set = self._now - self._booted >= CLOCK_SET_SECONDS
        ts = int(self._epoch + self._now) if is_clock_set else 0
        self._events.append(_Event(t=tag, d0=d0 & 0xFFFF, d1=d1 & 0xFFFF, ts=ts, up=up))

    def _heartbeat(self) -> None:
        if not self.online:
            self._missed += 1
            self._log(EventTag.HEARTBEAT_MISS, self._missed)
            return
        heartbeat: dict[str, Any] = {
            "device_id": self.device_id,
            "uptime": self.uptime,
            "firmware_version": self.version,
        }
        if self.version != "1.0.0":
            phase = (
                self._now + self._fingerprint % _HEAP_SWING_SECONDS
            ) / _HEAP_SWING_SECONDS
            heap_free = _HEAP_BYTES + round(
                _HEAP_SWING_BYTES * math.sin(2 * math.pi * phase)
            )
            self._heap_min_free = min(self._heap_min_free, heap_free)
            heartbeat |= {
                "reset_reason": self.reset_reason,
                "heap_free": heap_free,
                "heap_min_free": self._heap_min_free,
                "last_disconnect_code": self._disconnect_code,
                "recent_events": [asdict(event) for event in self._events],
            }
        self._publish("status/heartbeat", heartbeat, qos=1, retain=True)

    def _report_changes(self) -> None:
        """Report alerts that changed, as health checks do."""
        for subsystem in sorted(self._reported_since_boot | self._alerts.keys()):
            self._report_change(subsystem)

    def _report_change(self, subsystem: str) -> None:
        alert = self._alerts.get(subsystem)
        reported = (
            self._reported[subsystem]
            if subsystem in self._reported_since_boot
            else None
        )
        if not self.online or alert == reported:
            return
        self._reported[subsystem] = alert
        self._reported_since_boot.add(subsystem)
        payload = {"subsystem": subsystem}
        payload |= (
            {"state": alert.state, "msg": alert.message}
            if alert
            else {"state": "CLEARED"}
        )
        self._publish("status/alerts", payload, qos=1)

    def _publish(
        self, tail: str, payload: Mapping[str, Any], *, qos: int, retain: bool = False
    ) -> None:
        if self.online:
            topic = f"{self.prefix}/{self.device_id}/{tail}"
            data = json.dumps(payload, separators=(",", ":")).encode()
            self._outbox.append(
                Publication(topic=topic, payload=data, qos=qos, retain=retain)
            )


def _next_turn(due: float, period: float, now: float) -> float:
    """Return the next due time after `now`.

    Missed ones are skipped.
    """
    return due + period * (math.floor((now - due) / period) + 1)
