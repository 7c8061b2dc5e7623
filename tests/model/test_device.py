"""Changes of a device by messages and timeouts (docs/protocol.md)."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.restarts import (
    COUNTER_SECONDS,
    UPTIME_JITTER,
    Restarts,
    Stale,
)
from custom_components.vesper.protocol.alert import Alert
from custom_components.vesper.protocol.fields import Malformed
from custom_components.vesper.protocol.heartbeat import Heartbeat
from custom_components.vesper.protocol.message import Message
from custom_components.vesper.protocol.recent_events import RecentEvent, decode_events
from custom_components.vesper.protocol.severity import Severity
from tests.strategies import (
    DEVICE_ID,
    BrokerReconnect,
    Received,
    Step,
    Timeout,
    alert,
    heartbeat,
    info,
    lives_with,
)

from .common import CAME_ONLINE, NOW, WENT_OFFLINE, receive, replay

a_sign_of_life = pytest.mark.parametrize(
    "message",
    [
        pytest.param(heartbeat(), id="heartbeat"),
        pytest.param(heartbeat(device_id="hall"), id="malformed"),
        pytest.param(alert("FileManager", "WARNING"), id="alert"),
        pytest.param(info("volume"), id="info"),
    ],
)


# Connectivity


def test_nothing_is_known_of_a_new_device(device: Device) -> None:
    """Connectivity is unknown too."""
    assert device.online is None
    assert device.last_seen is None
    assert device.playback.playing is None
    assert device.alerts.severity is Severity.OK


@a_sign_of_life
def test_a_live_message_shows_a_device_online(device: Device, message: Message) -> None:
    """Each kind of message does, including malformed ones."""
    change = receive(device, message)
    assert device.online is True
    assert device.last_seen == NOW
    assert not CAME_ONLINE & ~change
    assert not Change.RESPONSE & change, "nothing was requested"


@a_sign_of_life
def test_a_live_message_brings_a_device_back(online: Device, message: Message) -> None:
    """A device goes online with its next message."""
    online.mark_offline(NOW)
    assert not CAME_ONLINE & ~receive(online, message)
    assert online.online is True


@a_sign_of_life
def test_a_retained_message_is_no_sign_of_life(
    device: Device, message: Message
) -> None:
    """It may be of a device removed long ago."""
    change = replay(device, message)
    assert device.online is None
    assert device.last_seen is None
    assert not change & CAME_ONLINE


@a_sign_of_life
def test_a_retained_message_does_not_bring_a_device_back(
    online: Device, message: Message
) -> None:
    """The broker sends it again after each subscription."""
    online.mark_offline(NOW)
    replay(online, message)
    assert online.online is False


def test_a_retained_heartbeat_fills_in_its_values(device: Device) -> None:
    """They are set before the device is online."""
    change = replay(device, heartbeat(uptime=7, firmware_version="1.1.0"))
    assert change == Change.FIRMWARE
    assert device.telemetry.firmware_version == "1.1.0"


def test_a_timeout_marks_a_device_offline(online: Device) -> None:
    """Last seen is the time of its last message."""
    assert online.mark_offline(NOW) == WENT_OFFLINE
    assert online.online is False
    assert online.last_seen == NOW


def test_a_device_without_live_messages_goes_offline(device: Device) -> None:
    """A device with only retained messages times out too."""
    assert Change.CONNECTIVITY & device.mark_offline(NOW)
    assert device.online is False


def test_a_timeout_is_reported_once(online: Device) -> None:
    """A second timeout in a row changes nothing."""
    online.mark_offline(NOW)
    assert online.mark_offline(NOW) == Change.NOTHING


@pytest.mark.parametrize("known", [None, True, False], ids=str)
def test_a_disconnect_marks_no_device_offline(
    device: Device, *, known: bool | None
) -> None:
    """Connectivity is unavailable, and the same after the reconnect."""
    device.online = known
    change: Change = Change.CONNECTIVITY
    if known is not False:  # it was reachable before, and is not now
        change |= Change.REACHABILITY
    assert device.broker_disconnected() == change
    assert device.broker_connected() == change
    assert device.online is known


def test_a_heartbeat_that_changes_nothing_is_no_change(online: Device) -> None:
    """The same values change nothing."""
    message = heartbeat(uptime=130, firmware_version="1.0.0")
    assert receive(online, message, after=30) == Change.NOTHING
    assert online.last_seen == NOW + 30


@pytest.mark.parametrize(
    ("after", "change"),
    [
        pytest.param(0, Change.NOTHING, id="same-moment"),
        pytest.param(59, Change.NOTHING, id="within-a-minute"),
        pytest.param(60, Change.LAST_SEEN, id="a-minute-later"),
        pytest.param(-1, Change.LAST_SEEN, id="clock-set-back-a-second"),
        pytest.param(-86_400, Change.LAST_SEEN, id="clock-set-back-a-day"),
        pytest.param(86_400, Change.LAST_SEEN, id="clock-set-forward"),
    ],
)
def test_last_seen_is_written_once_a_minute(
    online: Device, after: float, change: Change
) -> None:
    """It is updated at most once a minute."""
    assert receive(online, heartbeat(), after=after) == change
    assert online.last_seen == NOW + after


def test_last_seen_is_written_again_after_the_clock_was_set_back(
    online: Device,
) -> None:
    """The minute counts from the last write."""
    receive(online, heartbeat(), after=-3600)
    assert receive(online, heartbeat(), after=-3570) == Change.NOTHING
    assert receive(online, heartbeat(), after=-3540) == Change.LAST_SEEN


# Heartbeats


def test_a_new_firmware_version_is_a_change(online: Device) -> None:
    """It is shown as the device's software version."""
    assert receive(online, heartbeat(firmware_version="1.1.0")) == Change.FIRMWARE
    assert online.telemetry.firmware_version == "1.1.0"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(heartbeat(), id="absent"),
        pytest.param(heartbeat(uptime=None, firmware_version=None), id="null"),
        pytest.param(heartbeat(uptime=-1, firmware_version=""), id="bad"),
        pytest.param(heartbeat(device_id="hall", uptime=1, fw="9"), id="malformed"),
    ],
)
def test_what_a_heartbeat_does_not_report_stays(
    online: Device, message: Message
) -> None:
    """A missing or invalid field keeps its value."""
    assert receive(online, message) == Change.NOTHING
    assert (online.restarts.uptime, online.telemetry.firmware_version) == (100, "1.0.0")


# Restarts


@pytest.mark.parametrize(
    ("uptime", "after"),
    [(0, 0), (UPTIME_JITTER, 0), (1, 30), (30 + UPTIME_JITTER, 30), (99, 94)],
)
def test_an_uptime_that_falls_is_a_restart(
    online: Device, uptime: int, after: float
) -> None:
    """The device has booted after its last heartbeat."""
    assert Change.RESTART & receive(online, heartbeat(uptime=uptime), after=after)
    assert online.restarts.uptime == uptime


@pytest.mark.parametrize(
    ("uptime", "after"), [(UPTIME_JITTER + 1, 0), (36, 30), (99, 93), (70, 0), (99, 0)]
)
def test_a_heartbeat_that_was_overtaken_changes_nothing(
    online: Device, uptime: int, after: float
) -> None:
    """A heartbeat older than the last is no restart."""
    message = heartbeat(uptime=uptime, heap_free=1, recent_events=[])
    assert receive(online, message, after=after) == Change.STALE
    assert online.message_log.stale == {Stale.LATE: 1}
    assert (online.last_seen, online.telemetry.heap_free) == (NOW, None)
    assert not online.telemetry.event_log.is_known
    assert online.restarts.uptime == 100
    change = receive(online, heartbeat(uptime=200), after=100)
    assert not change & Change.RESTART


@pytest.mark.parametrize(
    ("after", "change"), [(32, Change.NOTHING), (32.1, Change.STALE)]
)
def test_a_replayed_heartbeat_changes_nothing(
    online: Device, after: float, change: Change
) -> None:
    """An uptime that is repeated much later is stale."""
    receive(online, heartbeat(uptime=130), after=30)
    assert (
        receive(online, heartbeat(uptime=130, heap_free=1), after=after)
        & (Change.STALE | Change.RESTART)
        == change
    )
    assert online.message_log.stale.total() == (change is Change.STALE)
    assert online.telemetry.heap_free == (None if change else 1)


def test_the_uptime_of_firmware_without_a_clock(online: Device) -> None:
    """A constant uptime does not make a heartbeat stale."""
    for after in range(0, 90, 30):
        assert receive(online, heartbeat(uptime=100), after=after) in (
            Change.NOTHING,
            Change.LAST_SEEN,
        )
    assert online.last_seen == NOW + 60
    assert not online.message_log.stale


def test_a_counter_that_runs_over_is_no_restart(online: Device) -> None:
    """A device goes on playing when its uptime overruns.

    Its alerts are given the full time again: their timeout is an uptime.
    """
    online.restarts = Restarts()
    receive(online, heartbeat(uptime=int(COUNTER_SECONDS) - 20))
    receive(online, info("playback_started"))
    change = receive(online, heartbeat(uptime=10), after=30)
    assert not change & (Change.RESTART | Change.PLAYING)
    assert online.restarts.uptime == 10
    assert receive(online, heartbeat(uptime=40), after=60) & Change.LAST_SEEN


def test_a_restart_ends_what_is_known_of_the_clock(online: Device) -> None:
    """A boot loop may repeat the same uptime."""
    receive(online, heartbeat(uptime=130), after=30)
    for after in (60, 90, 120):
        assert receive(online, heartbeat(uptime=3), after=after) & Change.RESTART


@pytest.mark.parametrize(
    "uptime", [100, 101, 2**32 - 1], ids=["same", "more", "much-more"]
)
def test_an_uptime_that_does_not_fall_is_no_restart(
    online: Device, uptime: int
) -> None:
    """An uptime that grows too much is only late."""
    change = receive(online, heartbeat(uptime=uptime))
    assert not change & ~(Change.BOOT_TIME | Change.STALE)


def test_an_uptime_that_stands_still_is_a_restart(device: Device) -> None:
    """An uptime shorter than the gap shows a restart."""
    device.restarts.has_clock = True
    for number in range(3):
        change = receive(device, heartbeat(uptime=3), after=20 * number)
        assert bool(Change.RESTART & change) is (number > 0)


def test_an_uptime_that_never_changes_is_no_restart(device: Device) -> None:
    """Such firmware has no clock."""
    for number in range(3):
        change = receive(device, heartbeat(uptime=3), after=20 * number)
        assert not Change.RESTART & change


def test_a_heartbeat_that_comes_twice_is_no_restart(online: Device) -> None:
    """The broker may repeat it much later."""
    receive(online, heartbeat(uptime=1000), after=900)
    assert not Change.RESTART & receive(online, heartbeat(uptime=1000), after=960)
    assert not Change.RESTART & receive(online, heartbeat(uptime=1060), after=961)


def test_a_boot_that_is_logged_while_the_uptime_stands_still(device: Device) -> None:
    """Each new boot entry is a restart."""
    boot = {"t": 1, "d0": 4, "d1": 0, "ts": 0, "up": 0}
    receive(device, heartbeat(uptime=0, recent_events=[boot]))
    for number in range(2, 5):
        message = heartbeat(uptime=0, recent_events=[boot] * number)
        assert Change.RESTART & receive(device, message, after=number)


def test_the_first_uptime_is_no_restart(device: Device) -> None:
    """There is no earlier uptime to compare."""
    assert receive(device, heartbeat(uptime=0)) == CAME_ONLINE | Change.BOOT_TIME


def test_a_restart_is_seen_past_a_heartbeat_without_uptime(online: Device) -> None:
    """The last reported uptime counts."""
    receive(online, heartbeat())
    assert Change.RESTART & receive(online, heartbeat(uptime=3))


def test_a_restart_is_detected_after_timeout_and_disconnect(online: Device) -> None:
    """The uptime shows it."""
    online.broker_disconnected()
    online.mark_offline(NOW)
    assert Change.RESTART & receive(online, heartbeat(uptime=3))


def test_a_retained_heartbeat_shows_no_restart(online: Device) -> None:
    """Its uptime is not compared with later ones either."""
    assert replay(online, heartbeat(uptime=3)) == Change.NOTHING
    assert replay(online, heartbeat(uptime=9999)) == Change.NOTHING
    assert receive(online, heartbeat(uptime=130)) == Change.NOTHING


def test_a_restart_ends_playback(online: Device) -> None:
    """The firmware does not report the stop."""
    receive(online, info("playback_started", melody_uid="ABC123"))
    change = receive(online, heartbeat(uptime=3), after=30)
    assert change == (
        Change.RESTART | Change.BOOT_TIME | Change.PLAYING | Change.MELODY
    )
    assert (online.playback.playing, online.playback.melody) == (False, None)


def test_reports_since_a_restart_stay_valid(online: Device) -> None:
    """Alerts and playback may arrive before the next heartbeat."""
    receive(online, alert("TimeKeeper", "WARNING"))
    receive(online, alert("FileManager", "FAILED"), after=40)
    receive(online, info("playback_started", melody_uid="ABC123"), after=45)
    assert receive(online, heartbeat(uptime=20), after=50) == (
        Change.RESTART | Change.ALERTS | Change.BOOT_TIME
    )
    assert online.alerts.active["FileManager"].confirmed
    assert not online.alerts.active["TimeKeeper"].confirmed
    assert (online.playback.playing, online.playback.melody) == (True, "ABC123")


# Contact, response and maintenance


@a_sign_of_life
def test_contact_is_reported_once_after_each_gap(
    device: Device, message: Message
) -> None:
    """A timeout and a disconnect begin a new gap."""
    for gap in (
        Device.broker_connected,
        lambda timed_out: timed_out.mark_offline(NOW),
        Device.broker_connected,
    ):
        assert Change.CONTACT & receive(device, message)
        assert not Change.CONTACT & receive(device, message, after=70)
        gap(device)
        assert not Change.CONTACT & replay(device, message)
    assert Change.CONTACT & receive(device, message)


def test_maintenance(online: Device) -> None:
    """A device is in maintenance until its end."""
    assert not online.is_suppressed(NOW)
    assert online.set_maintenance(until=NOW + 60) == Change.MAINTENANCE
    assert online.set_maintenance(until=NOW + 60) == Change.NOTHING
    assert online.in_maintenance
    assert online.is_suppressed(NOW + 59)
    assert not online.is_suppressed(NOW + 60)
    assert online.set_maintenance(until=None) == Change.MAINTENANCE
    assert online.maintenance_until is None
    assert [(one.kind, one.until) for one in online.occurrences] == [
        ("maintenance_started", NOW + 60),
        ("maintenance_ended", None),
    ]


def test_the_next_live_message_is_the_response(online: Device) -> None:
    """Any live message is a response, but only once."""
    online.expect_response()
    online.apply(heartbeat(), live=False, now=NOW + 1)
    assert Change.RESPONSE & receive(online, Malformed(faults=[]), after=2)
    assert receive(online, heartbeat(), after=3) == Change.NOTHING


def test_the_first_live_message_is_a_contact(device: Device) -> None:
    """The first message since a gap is no response."""
    device.expect_response()
    change = receive(device, heartbeat())
    assert Change.CONTACT & change
    assert not Change.RESPONSE & change
    device.broker_disconnected()
    device.broker_connected()
    device.expect_response()
    assert Change.CONTACT & receive(device, heartbeat(), after=1)


# Properties


@dataclass
class Reference:
    """A reference model with the same rules."""

    active: dict[str, tuple[Severity, str, float, bool]] = field(default_factory=dict)
    subsystems: list[str] = field(default_factory=list)
    uptime: int | None = None
    heard: float = 0.0
    grew: bool = False
    has_clock: bool = False
    last_restart: float | None = None
    is_in_contact: bool = False
    is_contact_new: bool = False
    unconfirmed: set[str] = field(default_factory=set)
    of_either_boot: set[str] = field(default_factory=set)
    timeout_start: int | None = None
    closed: list[str] = field(default_factory=list)
    log: Counter[RecentEvent] | None = None
    is_log_new: bool = False

    def apply(self, step: Step, now: float) -> None:
        """Apply a step."""
        self.is_log_new = False
        self.is_contact_new = False
        self.closed = []
        match step:
            case Received() if step.live and self.is_stale(step.parse(), now):
                pass
            case Received():
                self.is_contact_new = step.live and not self.is_in_contact
                self.is_in_contact |= step.live
                self.receive(step.parse(), now, live=step.live)
            case BrokerReconnect():
                self.unconfirm()
                self.is_in_contact, self.timeout_start = False, None
            case Timeout():
                self.is_in_contact, self.timeout_start = False, None

    def receive(self, message: Message, now: float, *, live: bool) -> None:
        """Apply a message."""
        match message:
            case Alert(subsystem=subsystem, severity=Severity.OK):
                if live and subsystem in self.active:
                    self.end(subsystem)
                    self.unconfirmed.discard(subsystem)
            case Alert(subsystem=subsystem) if (
                not live and subsystem in self.active and self.active[subsystem][3]
            ):
                pass  # a retained message is no newer than that
            case Alert(subsystem=subsystem, severity=severity, message=text):
                if subsystem not in self.subsystems:
                    ok = [name for name in self.subsystems if name not in self.active]
                    if len(self.subsystems) == 32 and ok:
                        self.subsystems.remove(ok[0])
                    if len(self.subsystems) < 32:
                        self.subsystems.append(subsystem)
                self.active[subsystem] = (severity, text, now, live)
                self.unconfirmed.discard(subsystem)
            case Heartbeat(uptime=int() as uptime) if live:
                self.count(uptime, now)
        if isinstance(message, Heartbeat):
            self.read_log(message, live=live)

    def is_stale(self, message: Message, now: float) -> bool:
        """Return whether a heartbeat is late or sent again."""
        if not isinstance(message, Heartbeat):
            return False
        uptime, elapsed = message.uptime, now - self.heard
        if uptime is None or self.uptime is None or uptime > self.uptime:
            return False
        if uptime == self.uptime:
            return self.grew and elapsed > 2
        return uptime > elapsed + 5

    def count(self, uptime: int, now: float) -> None:
        """Apply the uptime of a heartbeat."""
        started, elapsed, last = now - uptime, now - self.heard, self.uptime
        restarted = last is not None and (
            uptime < last
            or (uptime == last and elapsed > uptime + 5 and self.has_clock)
            or (last < uptime <= elapsed + 5 and elapsed - uptime + last > 60)
        )
        self.has_clock |= last is not None and uptime != last
        self.grew = not restarted and (
            self.grew or (last is not None and uptime > last)
        )
        if restarted:
            self.last_restart, self.timeout_start = now, None
            self.unconfirm(until=started + 3)
            updates = {name: one[2] for name, one in self.active.items()}
            earlier = {name for name, at in updates.items() if at <= started + 3}
            surely = {name for name, at in updates.items() if at < started - 2}
            self.unconfirmed |= earlier
            self.of_either_boot = (self.of_either_boot | earlier) - surely
        self.uptime, self.heard = uptime, now
        if self.unconfirmed:
            self.close(uptime)

    def close(self, uptime: int) -> None:
        """Close alerts not raised again since a restart."""
        if self.timeout_start is None:
            self.timeout_start = uptime
        elapsed = uptime - self.timeout_start
        if elapsed >= CLOSE_AFTER:
            kept = self.of_either_boot if elapsed < 3 * CLOSE_AFTER else set()
            overdue = self.unconfirmed - kept
            self.closed = [name for name in self.active if name in overdue]
            for subsystem in self.closed:
                self.end(subsystem)
            self.unconfirmed -= overdue

    def end(self, subsystem: str) -> None:
        """End an alert; its subsystem is reused last."""
        del self.active[subsystem]
        if subsystem in self.subsystems:
            self.subsystems.remove(subsystem)
            self.subsystems.append(subsystem)

    def read_log(self, message: Heartbeat, *, live: bool) -> None:
        """Apply the event log of a heartbeat."""
        if message.recent_events is not None and (live or self.log is None):
            log = Counter(decode_events(message.recent_events))
            self.is_log_new = self.log is not None and bool(log - self.log)
            self.log = log

    def unconfirm(self, until: float = float("inf")) -> None:
        """Mark alerts raised until then as unconfirmed."""
        self.active = {
            subsystem: (severity, text, updated, confirmed and updated > until)
            for subsystem, (severity, text, updated, confirmed) in self.active.items()
        }


def shown(device: Device) -> dict[Change, object]:
    """Return the shown values of a device by flag."""
    diagnostics = device.telemetry
    return {
        Change.CONNECTIVITY: device.online,
        Change.REACHABILITY: device.online is not False,
        Change.ALERTS: dict(device.alerts.active),
        Change.SEVERITY: device.alerts.severity,
        Change.SUBSYSTEMS: set(device.alerts.subsystems),
        Change.PLAYING: device.playback.playing,
        Change.MELODY: device.playback.melody,
        Change.ACTIVITY: id(device.activity),
        Change.FIRMWARE: device.telemetry.firmware_version,
        Change.RESET_REASON: diagnostics.reset_reason,
        Change.BOOT_TIME: diagnostics.boot_time,
        Change.DISCONNECT: diagnostics.last_disconnect_code,
        Change.HEAP_MIN_FREE: diagnostics.heap_min_free,
        Change.WIFI_SIGNAL: diagnostics.rssi,
    }


#: What the tests of the modules of these changes cover.
REPORTED_BY_OTHER_RULES = {
    Change.ALERT_LOST,
    Change.HEALTH_CHECK_DUE,
    Change.HEAP_FREE,
    Change.LAST_SEEN,
    # An alert of an offline device changes nothing about its problem.
    Change.PROBLEM,
}

#: Short enough for the uptimes that are drawn.
CLOSE_AFTER = 30

lives = lives_with(st.sampled_from([1, 29, 30, 60, 3600]))


def of_any_life() -> Device:
    """Return a device that closes unconfirmed alerts soon."""
    return Device(device_id=DEVICE_ID, close_after=CLOSE_AFTER)


@given(lives)
def test_the_active_set_agrees_with_the_plain_rules(
    life: list[tuple[int, Step]],
) -> None:
    """The active alerts match the reference in any order."""
    device, reference, now = of_any_life(), Reference(), 0
    for wait, step in life:
        now += wait
        step.apply(device, now)
        reference.apply(step, now)
        assert {
            subsystem: (
                one.severity,
                one.message,
                one.updated_at.timestamp(),
                one.confirmed,
            )
            for subsystem, one in device.alerts.active.items()
        } == reference.active
        assert list(device.alerts.subsystems) == reference.subsystems
        assert device.alerts.unconfirmed_since_restart == reference.unconfirmed


@given(lives)
def test_a_device_never_contradicts_itself(life: list[tuple[int, Step]]) -> None:
    """Severity, problem, subsystems and playback are consistent."""
    device, now = of_any_life(), 0
    for wait, step in life:
        now += wait
        step.apply(device, now)
        severities = [one.severity for one in device.alerts.active.values()]
        assert device.alerts.severity is max(severities, default=Severity.OK)
        assert Severity.OK not in severities
        assert all(name == one.subsystem for name, one in device.alerts.active.items())
        assert (
            set(device.alerts.active) <= set(device.alerts.subsystems)
            or len(device.alerts.subsystems) == 32
        )
        assert device.alerts.unconfirmed_since_restart <= set(device.alerts.active)
        assert device.alerts.active.keys().isdisjoint(device.alerts.closed_by)
        assert len(set(device.alerts.subsystems)) == len(device.alerts.subsystems) <= 32
        assert [one["subsystem"] for one in device.alerts.as_json()] == sorted(
            device.alerts.active,
            key=lambda name: (-device.alerts.active[name].severity, name),
        )
        assert device.playback.melody is None or device.playback.playing
        assert not (device.online is False and device.playback.playing is not None)
        assert (device.last_seen is not None) or device.online is not True


@given(lives)
def test_exactly_what_changed_is_reported(life: list[tuple[int, Step]]) -> None:
    """A flag is set exactly if its value changed."""
    device, reference, now = of_any_life(), Reference(), 0
    for wait, step in life:
        now += wait
        before = shown(device)
        change = step.apply(device, now)
        after = shown(device)
        reference.apply(step, now)
        changed = {flag for flag in after if after[flag] != before[flag]}
        if isinstance(step, BrokerReconnect):
            changed.add(Change.CONNECTIVITY)  # it is unknown for now
            if device.online is not False:
                changed.add(Change.REACHABILITY)
        if reference.last_restart == now:
            changed.add(Change.RESTART)
        if before[Change.CONNECTIVITY] is False and after[Change.CONNECTIVITY]:
            changed.add(Change.CAME_ONLINE)
        if reference.is_log_new:
            changed.add(Change.EVENT_LOG)
        if reference.is_contact_new:
            changed.add(Change.CONTACT)
        if reference.closed:
            changed.add(Change.ALERT_CLOSED)
            assert [alert.subsystem for alert in device.alerts.last_closed] == (
                reference.closed
            )
        reported = {flag for flag in Change if flag & change}
        if change is Change.STALE:
            reported = set()
        assert reported - REPORTED_BY_OTHER_RULES == changed


@given(lives_with(st.sampled_from([-86_400, -30, -1, 0, 1, 29, 30, 59, 60, 86_400])))
def test_the_written_last_seen_is_never_a_minute_old(
    life: list[tuple[int, Step]],
) -> None:
    """An online device always shows a recent time."""
    device, now, written = Device(device_id=DEVICE_ID), 1_000_000.0, None
    for wait, step in life:
        now += wait
        live = isinstance(step, Received) and step.live
        before = device.last_seen
        change = step.apply(device, now)
        assert device.last_seen == (now if live else before)
        if Change.LAST_SEEN & change:
            assert live or isinstance(step, Timeout)
            written = device.last_seen
        if live:
            assert written is not None
            assert 0 <= now - written < 60
        if device.online is False:
            assert written == device.last_seen


@given(lives)
def test_retained_messages_never_bring_a_device_to_life(
    life: list[tuple[int, Step]],
) -> None:
    """Connectivity and activity come from live messages only."""
    device, now = of_any_life(), 0
    for wait, step in life:
        now += wait
        if isinstance(step, Received) and not step.live:
            before = (
                device.online,
                device.last_seen,
                device.playback.playing,
                device.activity,
            )
            change = step.apply(device, now)
            assert before == (
                device.online,
                device.last_seen,
                device.playback.playing,
                device.activity,
            )
            assert not change & (CAME_ONLINE | Change.PLAYING | Change.RESTART)
        else:
            step.apply(device, now)


def test_what_can_not_be_acknowledged(online: Device) -> None:
    """Nothing changes, and nothing is published."""
    assert online.unacknowledge_alert("SD") is Change.NOTHING
    assert online.acknowledge_offline("Anna") is Change.NOTHING
    assert online.unacknowledge_offline() is Change.NOTHING
    assert online.occurrences == ()
