"""A reference model: the protocol as plain rules.

Nothing of the integration is imported here, so a mistake there is not repeated here. It
is slow and stores everything; where several states are valid it has a set of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
import json
from math import ceil, floor
from typing import Any

from homeassistant.const import (
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)

TIMEOUT = 90
MAX_TIMEOUT = 3600
JITTER = 5
"""In seconds: an uptime that falls by no more is the same boot."""
INTERVAL = 60
"""In seconds: drifting values are shown at least so often."""
CLOSE_AFTER = 600
"""In seconds: alerts not raised again so long after a restart are closed."""
MIN_LOST = 3
"""Fewer devices that time out together are no outage."""
FLEET = "fleet"
LOW_HEAP = 16 * 1024
MOST_BYTES = {"heartbeat": 16 * 1024, "alerts": 16 * 1024, "info": 4 * 1024}
PADDING = "\ufeff\0 \t\n\v\f\r"
"""What may stand around an alert and around its state."""
SEVERITIES = ["ok", "warning", "critical", "failed"]
STATES = {
    "WARNING": "warning",
    "CRITICAL": "critical",
    "FAILED": "failed",
    "CLEARED": "ok",
    "HEALTHY": "ok",
    "OK": "ok",
}
EVENT_NAMES = {
    1: "boot",
    2: "wifi_up",
    3: "wifi_down",
    4: "http_ok",
    5: "http_fail",
    6: "heartbeat_miss",
    7: "ntp_sync",
    8: "reboot",
}
RESET_REASONS = {1: "power_on", 4: "panic", 9: "brown_out"}
WIFI_REASONS = {8: "assoc_leave", 200: "beacon_timeout", 255: "silent_death"}
"""The codes that sessions draw; others they draw have no name."""

type Fields = dict[str, Any]
type LogEntry = tuple[int, int, int, int, int]
type Fired = tuple[str, Fields]
type Expected = str | Callable[[str], bool]


def _iso(time: float) -> str:
    """Return a time as attributes of alerts have it."""
    return datetime.fromtimestamp(int(time), UTC).isoformat()


@dataclass
class Alert:
    """An active alert."""

    state: str
    message: str
    updated_at: float
    confirmed: bool
    arrived: float
    raised_at: float
    worsened_at: float
    announced: str
    unconfirmed_since_restart: bool = False
    """Whether it was raised before the device restarted."""
    of_either_boot: bool = False
    """Whether it may have been raised after that, too."""

    def shown(self) -> Fields:
        """Return the attributes of its sensor."""
        return {
            "message": self.message,
            "updated_at": datetime.fromtimestamp(int(self.updated_at), UTC),
            "confirmed": self.confirmed,
            "acknowledged": False,
            "acknowledged_by": None,
            "note": "",
        }


@dataclass
class Bell:
    """One device, with everything it reported."""

    deadline: float
    online: bool | None = None
    last_seen: float | None = None
    uptime: int | None = None
    booted: float = 0
    """When it started, by its last uptime."""
    grew: bool = False
    """Whether its uptime was seen to grow since."""
    has_clock: bool = False
    """Whether its uptime was ever seen to change."""
    boot_time: float | None = None
    log: list[LogEntry] | None = None
    """None before the first one."""
    seen: set[LogEntry] = field(default_factory=set)
    """All entries of the log since its boot."""
    heaps: list[tuple[float, int]] = field(default_factory=list)
    """Every report of the free heap, with its time."""
    reported: dict[str, int | str] = field(default_factory=dict)
    """The last valid value of each field that rarely changes."""
    alerts: dict[str, Alert] = field(default_factory=dict)
    subsystems: list[str] = field(default_factory=list)
    """Those that ever raised an alert."""
    closed: set[str] = field(default_factory=set)
    """Subsystems whose last alert a restart has closed."""
    timeout_start: float | None = None
    """The uptime at which the alert timeout started, or the time without one."""
    timeout_by_uptime: bool = False
    heard: float | None = None
    """When it last reported its uptime, since Home Assistant started."""
    restarts: int = 0
    """How often it restarted."""
    gaps: list[int] = field(default_factory=list)
    """The seconds between its heartbeats."""
    last_heartbeat: float | None = None
    """The last one without a gap in what is received."""
    playing: bool | None = None
    melody: str | None = None
    playback_reported: float = float("-inf")

    @property
    def timeout(self) -> float:
        """Return after how many seconds it is offline."""
        gaps = sorted(self.gaps[-8:])
        if len(gaps) < 4:
            return TIMEOUT
        return max(TIMEOUT, min(MAX_TIMEOUT, 3 * gaps[(len(gaps) - 1) // 4]))

    @property
    def health(self) -> str:
        """Return the worst state of its alerts."""
        return max(
            (alert.state for alert in self.alerts.values()),
            key=SEVERITIES.index,
            default="ok",
        )


@dataclass
class Reference:
    """A fleet: the messages received, and the states expected."""

    connected: bool = True
    bells: dict[str, Bell] = field(default_factory=dict)
    fired: dict[tuple[str, str], list[Fired]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """The expected events since the last call, by device and event entity."""
    timeouts: list[tuple[float, str, int]] = field(default_factory=list)
    """The devices that timed out, when, and how many were online before."""
    lost: set[str] | None = None
    """The devices lost in the current outage, None without one."""

    def receive(
        self, device_id: str, topic: str, payload: bytes, *, live: bool, now: float
    ) -> bool:
        """Apply a message and return whether it had faults."""
        if not payload:
            return False
        read = damaged_json if topic == "alerts" else strict_json
        message = read(payload) if len(payload) <= MOST_BYTES[topic] else None
        bell = self.bells.get(device_id)
        # A stale heartbeat changes nothing, but its faults are counted.
        if (
            bell
            and live
            and topic == "heartbeat"
            and _is_stale(bell, unwrapped(message, device_id), now)
        ):
            return deepcopy(self).apply(device_id, topic, message, live=live, now=now)
        # Plain text may be a last will, which the broker sends for a dead device.
        if bell and live and payload.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] == b"{":
            self._record_activity(device_id, bell, now)
        return self.apply(device_id, topic, message, live=live, now=now)

    def apply(
        self,
        device_id: str,
        topic: str,
        message: Fields | None,
        *,
        live: bool,
        now: float,
    ) -> bool:
        """Apply a payload's JSON object, None without one."""
        match topic:
            case "heartbeat":
                message = unwrapped(message, device_id)
            case "alerts" if not (
                message
                and is_name(message.get("subsystem"))
                and state_of(message) in STATES
            ):
                message = None
            case "info" if not (live and message and is_name(message.get("type"))):
                message = None
        if message is None:
            return True
        if device_id not in self.bells:
            bell = self.bells[device_id] = Bell(deadline=now + TIMEOUT)
            if live:
                self._record_activity(device_id, bell, now)
        return {
            "heartbeat": self._heartbeat,
            "alerts": self._alert,
            "info": self._info,
        }[topic](device_id, message, live=live, now=now)

    def pass_time(self, now: float) -> None:
        """Mark devices offline after a timeout without messages."""
        for device_id, bell in sorted(
            self.bells.items(), key=lambda item: item[1].deadline
        ):
            if self.connected and now >= bell.deadline and bell.online is not False:
                if bell.online:
                    self._mark_offline(device_id, now)
                bell.online = False
                bell.playing = bell.melody = bell.timeout_start = None
        self._detect_outage(now)

    def disconnect_broker(self) -> None:
        """Stop receiving messages and make alerts unconfirmed."""
        self.connected = False
        for bell in self.bells.values():
            bell.playing = bell.melody = bell.last_heartbeat = None
            for alert in bell.alerts.values():
                alert.confirmed = False

    def reconnect_broker(self, now: float) -> None:
        """Restart the timeout of each device."""
        self.connected = True
        for bell in self.bells.values():
            bell.deadline = now + bell.timeout
            bell.timeout_start = None

    def restart(self, now: float) -> None:
        """Restart Home Assistant: connectivity is unknown, all else restored."""
        self.timeouts.clear()
        self.lost = None
        for bell in self.bells.values():
            bell.online = None
            bell.deadline = now + bell.timeout
            bell.timeout_start = bell.heard = bell.last_heartbeat = None
            bell.playback_reported = float("-inf")
            bell.heaps = [(now, value) for _, value in bell.heaps[-1:]]
            for alert in bell.alerts.values():
                alert.confirmed = False
                # It is stored in whole seconds.
                alert.arrived = float(int(alert.updated_at))

    def remove_device(self, device_id: str) -> None:
        """Remove a device."""
        del self.bells[device_id]
        if self.lost is not None:
            self.lost.discard(device_id)
        self._mark_online(device_id)

    def take_fired(self) -> dict[tuple[str, str], list[Fired]]:
        """Return the events expected since the last call."""
        fired = dict(self.fired)
        self.fired.clear()
        return fired

    def _mark_offline(self, device_id: str, now: float) -> None:
        """Record that a device that was online is offline."""
        if self.lost is not None and device_id in self.lost:
            return
        online = sum(bell.online is True for bell in self.bells.values())
        self.timeouts.append((now, device_id, online))

    def _detect_outage(self, now: float) -> None:
        """Start an outage if most devices timed out together."""
        self.timeouts = [one for one in self.timeouts if one[0] > now - TIMEOUT]
        if self.lost is not None or len(self.timeouts) < MIN_LOST:
            return
        online_before = self.timeouts[0][2]
        if len(self.timeouts) > online_before / 2:
            self.lost = {device_id for _, device_id, _ in self.timeouts}
            details = {"lost": len(self.lost), "online_before": online_before}
            self.fired[FLEET, "outage"].append(("started", details))
            self.timeouts.clear()

    def _mark_online(self, device_id: str) -> None:
        """Record that a device is online again or removed."""
        self.timeouts = [one for one in self.timeouts if one[1] != device_id]
        if self.lost is None:
            return
        away = [
            one
            for one in self.lost
            if one != device_id and self.bells[one].online is False
        ]
        if len(away) <= len(self.lost) / 2:
            self.lost = None
            self.fired[FLEET, "outage"].append(("ended", {}))

    def _record_activity(self, device_id: str, bell: Bell, now: float) -> None:
        """Record a live message as a sign of life."""
        if bell.online is False:
            self._mark_online(device_id)
        if bell.online is None:
            # The playback known so far is from before the start.
            bell.playing = bell.melody = None
        bell.online = True
        bell.last_seen = now
        bell.deadline = now + bell.timeout

    def _heartbeat(
        self, device_id: str, message: Fields, *, live: bool, now: float
    ) -> bool:
        """Apply a heartbeat."""
        bell = self.bells[device_id]
        bad = False
        for name, most in (
            ("heap_min_free", 2**32 - 1),
            ("reset_reason", 2**16 - 1),
            ("last_disconnect_code", 2**16 - 1),
        ):
            value = natural(message, name, most)
            if value is not None and (live or name not in bell.reported):
                bell.reported[name] = value
            bad |= is_bad(message, name, value)
        for name in ("firmware_version", "fw_version", "fw", "version"):
            if is_name(message.get(name)):
                if live or "fw" not in bell.reported:
                    bell.reported["fw"] = message[name]
                break
            bad |= message.get(name) is not None
        heap_free = natural(message, "heap_free", 2**32 - 1)
        bad |= is_bad(message, "heap_free", heap_free)
        if heap_free is not None and (live or not bell.heaps):
            bell.heaps.append((now, heap_free))
        uptime = natural(message, "uptime", 2**32 - 1)
        bad |= is_bad(message, "uptime", uptime)
        log, bad_log = entries_of(message.get("recent_events"))
        bad |= bad_log
        new_boot = bell.log is not None and any(
            entry[0] == 1 and entry not in bell.seen for entry in log or ()
        )
        if live:
            self._record_gap(bell, now)
            self._detect_restart(
                bell,
                uptime,
                new_boot=new_boot,
                reports_log=log is not None and bell.log is not None,
                now=now,
            )
        # A retained log is used only as the first one.
        if log is not None and (live or bell.log is None):
            self._log(device_id, log)
        if live and not (bell.has_clock and uptime is None):
            time = uptime if bell.has_clock and uptime is not None else now
            self._close_overdue(device_id, time)
        return bad

    @staticmethod
    def _record_gap(bell: Bell, now: float) -> None:
        """Record the gap before a heartbeat.

        One delivered twice has none.
        """
        last = bell.last_heartbeat
        if last is not None and now - last < 1:
            return
        if last is not None and now - last <= 3600:
            bell.gaps.append(round(now - last))
        bell.last_heartbeat = now
        bell.deadline = now + bell.timeout

    def _detect_restart(
        self,
        bell: Bell,
        uptime: int | None,
        *,
        new_boot: bool,
        reports_log: bool,
        now: float,
    ) -> None:
        """Detect a restart by uptime or boot entry."""
        has_clock = bell.has_clock or bell.uptime != uptime
        booted = now if uptime is None else now - uptime
        fallen = uptime is not None and bell.uptime is not None and uptime < bell.uptime
        same_boot = (
            uptime is not None
            and bell.uptime is not None
            and booted <= bell.booted + JITTER
        )
        grown_past = (
            uptime is not None
            and bell.uptime is not None
            and bell.uptime < uptime
            and bell.booted + bell.uptime <= booted + JITTER
            and booted - bell.booted > max(INTERVAL, uptime / 100)
        )
        stalled = (
            uptime is not None
            and bell.has_clock
            and bell.uptime == uptime
            and booted - bell.booted > uptime + JITTER
        )
        went_on = uptime is None or bell.uptime is None or uptime > bell.uptime
        restarted = (
            fallen
            or stalled
            or grown_past
            or (new_boot and not (same_boot and went_on))
        )
        if restarted:
            bell.restarts += 1
            # It began with an empty log, of which it may report nothing yet.
            if reports_log:
                bell.seen.clear()
            began = booted if has_clock else now
            began = began if bell.heard is None else max(began, bell.heard)
            for alert in bell.alerts.values():
                if alert.arrived <= began + 3:
                    alert.confirmed = False
                    if alert.arrived < began - 2:
                        alert.of_either_boot = False
                    elif not alert.unconfirmed_since_restart:
                        alert.of_either_boot = True
                    alert.unconfirmed_since_restart = True
            bell.timeout_start = None
            if bell.playback_reported < began - JITTER:
                bell.playing, bell.melody = False, None
        if uptime is not None:
            bell.has_clock |= bell.uptime not in (None, uptime)
            grew = bell.grew or (bell.uptime is not None and bell.uptime < uptime)
            bell.grew = grew and not restarted
            bell.uptime, bell.booted, bell.heard = uptime, booted, now
            if (
                restarted
                or bell.boot_time is None
                or abs(booted - bell.boot_time) > INTERVAL
            ):
                bell.boot_time = booted

    def _close_overdue(self, device_id: str, time: float) -> None:
        """Close alerts not raised again after a restart."""
        bell = self.bells[device_id]
        unconfirmed = [
            name
            for name, alert in bell.alerts.items()
            if alert.unconfirmed_since_restart
        ]
        if not unconfirmed:
            return
        if bell.timeout_start is None or bell.timeout_by_uptime is not bell.has_clock:
            bell.timeout_start, bell.timeout_by_uptime = time, bell.has_clock
        elapsed = time - bell.timeout_start
        for subsystem in unconfirmed:
            times = 3 if bell.alerts[subsystem].of_either_boot else 1
            if elapsed < times * CLOSE_AFTER:
                continue
            del bell.alerts[subsystem]
            bell.closed.add(subsystem)
            details = {"subsystem": subsystem, "cause": "restart"}
            self.fired[device_id, "activity"].append(("alert_closed", details))

    def _log(self, device_id: str, log: list[LogEntry]) -> None:
        """Fire new entries of the event log.

        Those of the first log are not new.
        """
        bell = self.bells[device_id]
        new = sorted((entry for entry in log if entry not in bell.seen), key=_moment)
        if bell.log is not None:
            self.fired[device_id, "device_log"] += map(decoded, new)
        bell.log = log
        bell.seen |= set(log)
        signals = [d0 for tag, d0, *_ in new if tag == 2]
        if signals:
            bell.reported["rssi"] = dbm(signals[-1])

    def _alert(
        self, device_id: str, message: Fields, *, live: bool, now: float
    ) -> bool:
        """Apply an alert."""
        bell = self.bells[device_id]
        subsystem, state = message["subsystem"], STATES[state_of(message)]
        text = message.get("msg")
        bad = not (text is None or isinstance(text, str))
        active = bell.alerts.get(subsystem)
        if not live and active and (state == "ok" or active.confirmed):
            return True
        if state == "ok":
            bell.alerts.pop(subsystem, None)
            return bad
        if subsystem not in bell.subsystems:
            bell.subsystems.append(subsystem)
        bell.closed.discard(subsystem)
        worse = active is None or SEVERITIES.index(state) > SEVERITIES.index(
            active.state
        )
        announced = active.announced if active else "ok"
        if worse and live:
            announced = max(announced, state, key=SEVERITIES.index)
        bell.alerts[subsystem] = Alert(
            state=state,
            message="".join(c if c.isprintable() else " " for c in text)
            if isinstance(text, str)
            else "",
            updated_at=now,
            arrived=now,
            confirmed=live,
            raised_at=active.raised_at if active else now,
            worsened_at=active.worsened_at if active and not worse else now,
            announced=announced,
        )
        return bad

    def _info(self, device_id: str, message: Fields, *, live: bool, now: float) -> bool:
        """Apply an info message."""
        bell = self.bells[device_id]
        details = message.get("payload")
        bad = not (details is None or isinstance(details, dict))
        if not isinstance(details, dict):
            details = {}
        uid = details.get("melody_uid")
        kind = message["type"]
        if kind == "playback_started":
            bell.playing, bell.melody = True, uid if is_name(uid) else None
            bell.playback_reported = now
        elif kind == "playback_stopped":
            bell.playing, bell.melody = False, None
            bell.playback_reported = now
        named = kind in ("playback_started", "playback_stopped")
        self.fired[device_id, "activity"].append(
            (kind if named else "other", {"type": kind, "payload": details})
        )
        return bad or not (uid is None or is_name(uid))

    def fleet(self) -> dict[str, str]:
        """Return the states of the fleet's entities, by key."""
        bells = self.bells.values()
        health = max(
            (bell.health for bell in bells), key=SEVERITIES.index, default="ok"
        )
        online = str(sum(bell.online is True for bell in bells))
        offline = sum(bell.online is False for bell in bells)
        if offline and health in ("ok", "warning"):
            health = "offline"
        return {
            "devices": str(len(bells)),
            "devices_offline": str(offline) if self.connected else STATE_UNAVAILABLE,
            "devices_online": online if self.connected else STATE_UNAVAILABLE,
            "devices_with_alerts": str(sum(bool(bell.alerts) for bell in bells)),
            # No session lasts for half of a month.
            "fleet_availability": STATE_UNKNOWN,
            "fleet_health": health,
            "fleet_problem": on_off(value=health != "ok"),
            "mqtt_link": on_off(value=self.connected),
        }

    def device(self, device_id: str) -> Iterator[tuple[str, Expected, Fields]]:
        """Yield a device's entities: key, state and attributes."""
        bell = self.bells[device_id]
        reported = bell.reported.get
        connected = self.connected
        reachable = connected and bell.online is not False

        def while_reachable(state: Expected) -> Expected:
            return state if reachable else STATE_UNAVAILABLE

        yield (
            "connectivity",
            on_off(value=bell.online) if connected else STATE_UNAVAILABLE,
            {},
        )
        yield "problem", on_off(value=bool(bell.alerts) or bell.online is False), {}
        yield "playing", while_reachable(on_off(value=bell.playing)), {}
        yield "melody", while_reachable(bell.melody or STATE_UNKNOWN), {}
        yield "run_health_check", while_reachable(STATE_UNKNOWN), {}
        yield "maintenance", STATE_OFF, {}
        yield "health", bell.health, {}
        yield "availability", STATE_UNKNOWN, {"week": None}
        # As many are kept.
        yield "restarts", str(min(bell.restarts, 20)), {}
        alerts = [
            {
                **alert.shown(),
                "acknowledged_at": None,
                "subsystem": subsystem,
                "state": alert.state.upper(),
                "updated_at": alert.shown()["updated_at"].isoformat(),
                "raised_at": _iso(alert.raised_at),
                "worsened_at": _iso(alert.worsened_at),
                "announced": alert.announced.upper(),
            }
            for subsystem, alert in sorted(
                bell.alerts.items(),
                key=lambda item: (-SEVERITIES.index(item[1].state), item[0]),
            )
        ]
        yield "active_alerts", str(len(alerts)), {"alerts": alerts}
        for subsystem in bell.subsystems:
            alert = bell.alerts.get(subsystem)
            closed = {"closed_by": "restart"} if subsystem in bell.closed else {}
            state, details = (alert.state, alert.shown()) if alert else ("ok", closed)
            yield f"alert_{subsystem}", state, details
        yield "heap_free", while_reachable(self._heap_free(bell)), {}
        heap_min_free = reported("heap_min_free")
        yield "heap_min_free", while_reachable(kibibytes(heap_min_free)), {}
        yield "wifi_signal", while_reachable(number(reported("rssi"))), {}
        code = reported("reset_reason")
        yield "reset_reason", named(RESET_REASONS, code), {"code": code}
        code = reported("last_disconnect_code")
        yield "last_disconnect", named(WIFI_REASONS, code or None), {"code": code}
        yield "boot_time", moment(bell.boot_time, within=INTERVAL), {}
        yield (
            "last_seen",
            moment(bell.last_seen, within=INTERVAL if bell.online else 0),
            {},
        )

    def _heap_free(self, bell: Bell) -> Expected:
        """Return the valid states of the free heap.

        It may be shown late by as much as the interval, but not on the wrong
        side of what is low.
        """
        if not bell.heaps:
            return STATE_UNKNOWN
        last, newest = bell.heaps[-1]
        fresh = [
            kibibytes(value)
            for time, value in bell.heaps
            if time > last - INTERVAL and (value < LOW_HEAP) is (newest < LOW_HEAP)
        ]
        return lambda state: any(
            one(state) for one in fresh if not isinstance(one, str)
        )


def _is_stale(bell: Bell, message: Fields | None, now: float) -> bool:
    """Tell whether a heartbeat is late or sent again."""
    uptime = natural(message or {}, "uptime", 2**32 - 1)
    if uptime is None or bell.uptime is None or uptime > bell.uptime:
        return False
    elapsed = now - bell.booted - bell.uptime
    if uptime == bell.uptime:
        return bell.grew and elapsed > 2
    return uptime > elapsed + JITTER


def strict_json(payload: bytes) -> Fields | None:
    """Return a payload's JSON object, None without one."""

    def refuse(_constant: str) -> None:
        raise ValueError

    try:
        data = json.loads(payload.decode(), parse_constant=refuse)
        # Text that can't be encoded as UTF-8, such as half a pair, is invalid, and so
        # is a number that no double can hold.
        json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except ValueError, RecursionError:
        return None
    return data if isinstance(data, dict) else None


def _moment(entry: LogEntry) -> tuple[int, int]:
    """Return the moment by which entries are ordered.

    It is the time from 2020 on, else the uptime.
    """
    *_, ts, up = entry
    return (ts if ts >= datetime(2020, 1, 1, tzinfo=UTC).timestamp() else 0), up


def damaged_json(payload: bytes) -> Fields | None:
    """Return a payload's JSON object, even a damaged one."""
    text = payload.decode(errors="replace").strip(PADDING)
    whole = decoded_json(text)
    if whole is not None:
        return whole if isinstance(whole, dict) else None
    without_escape = [text[:-cut] for cut in range(1, 6) if text[-cut:][:1] == "\\"]
    for ended in (
        *(kept + '"}' for kept in (text, *without_escape)),
        text + "}",
        text + '""}',
    ):
        data = decoded_json(ended)
        if isinstance(data, dict) and list(data)[-1:] == ["msg"]:
            return data
    return None


def decoded_json(text: str) -> object:
    """Return a text's JSON value, None without one."""
    try:
        return json.loads(text, strict=False, parse_int=float)
    except ValueError, RecursionError:
        return None


def state_of(message: Fields) -> str:
    """Return an alert's state in upper case."""
    return str(message.get("state")).strip(PADDING).upper()


def unwrapped(message: Fields | None, device_id: str) -> Fields | None:
    """Return a heartbeat without its envelope.

    Returns None for another device's heartbeat.
    """
    if message is None:
        return None
    envelope = message.get("payload")
    inner = envelope if isinstance(envelope, dict) else {}
    for part in (message, inner):
        if part.get("device_id") not in (None, device_id):
            return None
    return message | inner


def is_name(value: object) -> bool:
    """Return whether a value can be a name."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 64
        and value.isprintable()
        and value.strip() != ""
    )


def natural(message: Fields, name: str, most: int) -> int | None:
    """Return a field's whole number, None without one."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        return None
    return value


def is_bad(message: Fields, name: str, taken: int | None) -> bool:
    """Return whether a field is present but was rejected."""
    return taken is None and message.get(name) is not None


def entries_of(log: object) -> tuple[list[LogEntry] | None, bool]:
    """Return a log's valid entries, and whether it's faulty."""
    if log is None:
        return None, False
    if not isinstance(log, list):
        return None, True
    good: list[LogEntry] = []
    for item in log[-64:]:
        values = [
            item.get(name) if isinstance(item, dict) else None
            for name in ("t", "d0", "d1", "ts", "up")
        ]
        if all(type(value) is int and abs(value) < 2**32 for value in values):
            good.append(tuple(values))  # type: ignore[arg-type]
    if log and not good:
        return None, True
    return good, len(good) < len(log)


def decoded(entry: LogEntry) -> Fired:
    """Return the event expected for a log entry."""
    tag, d0, d1, ts, up = entry
    time = datetime.fromtimestamp(ts, UTC).isoformat() if 0 < ts < 2**32 else None
    name = EVENT_NAMES.get(tag)
    details: Fields = {
        "event": f"EVT_{name.upper()}" if name else f"unknown ({tag})",
        "time": time,
        "uptime": up,
    }
    match tag:
        case 1:
            reason = RESET_REASONS.get(d0)
        case 3:
            reason = WIFI_REASONS.get(d0)
        case _:
            reason = None
    match tag:
        case 1 | 3:
            details["reason"] = reason.upper() if reason else f"unknown ({d0})"
            details["code"] = d0
        case 2:
            details["rssi"] = dbm(d0)
        case 5:
            details |= {"path_hash": d0, "status": d1}
        case 6:
            details["count"] = d0
        case _ if name is None:
            details |= {"tag": tag, "d0": d0, "d1": d1}
    return name or "unknown", details


def dbm(value: int) -> int:
    """Return a signal strength sent as 16 unsigned bits."""
    return value - 2**16 if value >= 2**15 else value


def on_off(*, value: bool | None) -> str:
    """Return the state of a binary sensor."""
    return STATE_UNKNOWN if value is None else STATE_ON if value else STATE_OFF


def number(value: object) -> str:
    """Return the state of a sensor with a number."""
    return STATE_UNKNOWN if value is None else str(value)


def named(names: dict[int, str], code: object) -> str:
    """Return the state of a code."""
    if code is None:
        return STATE_UNKNOWN
    return names.get(code, "other") if isinstance(code, int) else "other"


def kibibytes(value: object) -> Expected:
    """Return a sensor's state in KiB, within a tenth."""
    if not isinstance(value, int):
        return STATE_UNKNOWN
    return lambda state: abs(float(state) * 1024 - value) < 103


def moment(time: float | None, *, within: float) -> Expected:
    """Return a timestamp sensor's state, with its tolerance."""
    if time is None:
        return STATE_UNKNOWN
    return lambda state: (
        floor(time) - ceil(within)
        <= datetime.fromisoformat(state).timestamp()
        <= ceil(time + within)
    )
