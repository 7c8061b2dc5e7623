"""What a message, or silence, changes of a device (sections 1 to 3)."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.alerts import MAX_SUBSYSTEMS, ActiveAlert, ClosedBy
from custom_components.vesper.model.change import Change, Changes
from custom_components.vesper.model.device import LAST_SEEN_INTERVAL, Device
from custom_components.vesper.model.restarts import UPTIME_JITTER
from custom_components.vesper.protocol.codes import RecentEvent
from custom_components.vesper.protocol.messages import (
    Alert,
    FaultKind,
    Heartbeat,
    Malformed,
    Message,
)
from custom_components.vesper.protocol.severity import Severity

from .strategies import (
    DEVICE_ID,
    Heard,
    LinkLoss,
    Silence,
    Step,
    alert,
    heartbeat,
    info,
    lives_with,
)

NOW = 1_800_000_000.0

#: What any live message changes of a device that was not online.
CAME_ONLINE = Change.CONNECTIVITY | Change.LAST_SEEN | Change.CONTACT
WENT_OFFLINE = Change.CONNECTIVITY | Change.LAST_SEEN | Change.REACHABILITY
LOST_LINK = Change.CONNECTIVITY | Change.REACHABILITY

a_sign_of_life = pytest.mark.parametrize(
    "message",
    [
        pytest.param(heartbeat(), id="heartbeat"),
        pytest.param(heartbeat(device_id="hall"), id="malformed"),
        pytest.param(alert("FileManager", "WARNING"), id="alert"),
        pytest.param(info("volume"), id="info"),
    ],
)


@pytest.fixture
def device() -> Device:
    """Return a device that nothing is known of."""
    return Device(device_id=DEVICE_ID)


@pytest.fixture
def online(device: Device) -> Device:
    """Return a device that has just been heard: online, and well."""
    device.apply(heartbeat(uptime=100, firmware_version="1.0.0"), live=True, now=NOW)
    return device


def hear(device: Device, message: Message, *, after: float = 0.0) -> Changes:
    """Let a device take in a live message, so many seconds after NOW."""
    return device.apply(message, live=True, now=NOW + after)


def replay(device: Device, message: Message) -> Changes:
    """Let a device take in a message that the broker kept."""
    return device.apply(message, live=False, now=NOW)


def found(message: Message) -> list[tuple[str, FaultKind]]:
    """Return where a message is wrong, and in what way."""
    return [(fault.path, fault.kind) for fault in message.faults]


# Liveness


def test_nothing_is_known_of_a_new_device(device: Device) -> None:
    """Not even whether it is online."""
    assert device.online is None
    assert device.last_seen is None
    assert device.playing is None
    assert device.alerts.severity is Severity.OK


@a_sign_of_life
def test_a_live_message_shows_a_device_online(device: Device, message: Message) -> None:
    """Each kind of message is a sign of life, one that can't be parsed included."""
    change = hear(device, message)
    assert device.online is True
    assert device.last_seen == NOW
    assert not CAME_ONLINE & ~change


@a_sign_of_life
def test_a_live_message_brings_a_device_back(online: Device, message: Message) -> None:
    """Who was declared offline is online with the next message."""
    online.go_silent()
    assert not CAME_ONLINE & ~hear(online, message)
    assert online.online is True


@a_sign_of_life
def test_a_kept_message_is_no_sign_of_life(device: Device, message: Message) -> None:
    """What the broker kept may be of a device that is long dead."""
    change = replay(device, message)
    assert device.online is None
    assert device.last_seen is None
    assert not change & CAME_ONLINE


@a_sign_of_life
def test_a_kept_message_does_not_bring_a_device_back(
    online: Device, message: Message
) -> None:
    """After each subscription the broker sends again what it kept."""
    online.go_silent()
    replay(online, message)
    assert online.online is False


def test_a_kept_heartbeat_fills_in_what_it_says(device: Device) -> None:
    """The device is known by it before it speaks."""
    change = replay(device, heartbeat(uptime=7, firmware_version="1.1.0"))
    assert change == Change.FIRMWARE
    assert device.firmware_version == "1.1.0"


def test_a_silent_device_is_offline(online: Device) -> None:
    """After a whole timeout without a message it is offline, last seen before."""
    assert online.go_silent() == WENT_OFFLINE
    assert online.online is False
    assert online.last_seen == NOW


def test_a_device_that_was_never_heard_goes_offline(device: Device) -> None:
    """Known by what the broker kept, it had its timeout too."""
    assert Change.CONNECTIVITY & device.go_silent()
    assert device.online is False


def test_silence_is_declared_once(online: Device) -> None:
    """Silence that goes on changes nothing."""
    online.go_silent()
    assert online.go_silent() == Change.NOTHING


@pytest.mark.parametrize("known", [None, True, False], ids=str)
def test_a_lost_link_declares_nobody_offline(
    device: Device, *, known: bool | None
) -> None:
    """Connectivity can't be told in the meantime; afterwards it is as known before."""
    device.online = known
    cannot_be_told: Changes = Change.CONNECTIVITY
    if known is not False:  # then it could be reached before, and can't be now
        cannot_be_told |= Change.REACHABILITY
    assert device.lose_sight() == cannot_be_told
    assert device.regain_sight() == cannot_be_told
    assert device.online is known


def test_a_heartbeat_that_changes_nothing_is_no_change(online: Device) -> None:
    """Heartbeats are housekeeping: nobody is told of one that says the same."""
    message = heartbeat(uptime=130, firmware_version="1.0.0")
    assert hear(online, message, after=30) == Change.NOTHING
    assert online.last_seen == NOW + 30


@pytest.mark.parametrize(
    ("after", "change"),
    [
        pytest.param(0, Change.NOTHING, id="same-moment"),
        pytest.param(LAST_SEEN_INTERVAL - 1, Change.NOTHING, id="within-a-minute"),
        pytest.param(LAST_SEEN_INTERVAL, Change.LAST_SEEN, id="a-minute-later"),
        pytest.param(-1, Change.LAST_SEEN, id="clock-set-back-a-second"),
        pytest.param(-86_400, Change.LAST_SEEN, id="clock-set-back-a-day"),
        pytest.param(86_400, Change.LAST_SEEN, id="clock-set-forward"),
    ],
)
def test_last_seen_is_told_once_a_minute(
    online: Device, after: float, change: Changes
) -> None:
    """It would else be written at each heartbeat, or never while the clock is off."""
    assert hear(online, heartbeat(), after=after) == change
    assert online.last_seen == NOW + after


def test_last_seen_is_told_anew_after_the_clock_was_set_back(online: Device) -> None:
    """The minute counts from the last time it was told, on the new clock."""
    hear(online, heartbeat(), after=-3600)
    assert hear(online, heartbeat(), after=-3570) == Change.NOTHING
    assert hear(online, heartbeat(), after=-3540) == Change.LAST_SEEN


# Heartbeats


def test_a_new_firmware_version_is_a_change(online: Device) -> None:
    """It is shown as the device's software version."""
    assert hear(online, heartbeat(firmware_version="1.1.0")) == Change.FIRMWARE
    assert online.firmware_version == "1.1.0"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(heartbeat(), id="absent"),
        pytest.param(heartbeat(uptime=None, firmware_version=None), id="null"),
        pytest.param(heartbeat(uptime=-1, firmware_version=""), id="bad"),
        pytest.param(heartbeat(device_id="hall", uptime=1, fw="9"), id="malformed"),
    ],
)
def test_what_a_heartbeat_does_not_say_stays(online: Device, message: Message) -> None:
    """A field that says nothing usable leaves the stored value untouched."""
    assert hear(online, message) == Change.NOTHING
    assert (online.uptime, online.firmware_version) == (100, "1.0.0")


# Restarts


@pytest.mark.parametrize(
    "uptime", [0, 1, 100 - UPTIME_JITTER - 1], ids=["boot", "soon", "just-beyond"]
)
def test_an_uptime_that_falls_is_a_restart(online: Device, uptime: int) -> None:
    """The device counts from its boot."""
    assert Change.RESTART & hear(online, heartbeat(uptime=uptime))
    assert online.uptime == uptime


@pytest.mark.parametrize(
    "uptime",
    [100, 101, 100 - UPTIME_JITTER, 2**32 - 1],
    ids=["same", "more", "within-the-jitter", "much-more"],
)
def test_an_uptime_that_does_not_fall_is_no_restart(
    online: Device, uptime: int
) -> None:
    """Neither is one that falls by no more than the jitter."""
    change = hear(online, heartbeat(uptime=uptime))
    assert not change & ~Change.BOOT_TIME


def test_an_uptime_that_stands_still_is_a_restart(device: Device) -> None:
    """It has run for less time than has passed since it was heard to run."""
    for number in range(3):
        change = hear(device, heartbeat(uptime=3), after=20 * number)
        assert bool(Change.RESTART & change) is (number > 0)


def test_a_heartbeat_that_comes_twice_is_no_restart(online: Device) -> None:
    """The broker may hand it on once more, much later."""
    hear(online, heartbeat(uptime=1000), after=900)
    assert not Change.RESTART & hear(online, heartbeat(uptime=1000), after=960)
    assert not Change.RESTART & hear(online, heartbeat(uptime=1060), after=961)


def test_a_boot_that_is_logged_while_the_uptime_stands_still(device: Device) -> None:
    """However little time has passed."""
    boot = {"t": 1, "d0": 4, "d1": 0, "ts": 0, "up": 0}
    hear(device, heartbeat(uptime=0, recent_events=[boot]))
    for number in range(2, 5):
        beat = heartbeat(uptime=0, recent_events=[boot] * number)
        assert Change.RESTART & hear(device, beat, after=number)


def test_the_first_uptime_is_no_restart(device: Device) -> None:
    """There is nothing that it could have fallen from."""
    assert hear(device, heartbeat(uptime=0)) == CAME_ONLINE | Change.BOOT_TIME


def test_a_restart_is_seen_past_a_heartbeat_without_uptime(online: Device) -> None:
    """The last uptime that was said is what counts."""
    hear(online, heartbeat())
    assert Change.RESTART & hear(online, heartbeat(uptime=3))


def test_a_restart_is_seen_after_silence_and_a_lost_link(online: Device) -> None:
    """What happened in the meantime is told by the uptime."""
    online.lose_sight()
    online.go_silent()
    assert Change.RESTART & hear(online, heartbeat(uptime=3))


def test_a_kept_heartbeat_tells_of_no_restart(online: Device) -> None:
    """It may be older than what is known, and is not compared with later either."""
    assert replay(online, heartbeat(uptime=3)) == Change.NOTHING
    assert replay(online, heartbeat(uptime=9999)) == Change.NOTHING
    assert hear(online, heartbeat(uptime=130)) == Change.NOTHING


def test_a_restart_ends_playback(online: Device) -> None:
    """The device starts out silent, and the stop was never said."""
    hear(online, info("playback_started", melody_uid="ABC123"))
    change = hear(online, heartbeat(uptime=3), after=30)
    assert change == (
        Change.RESTART | Change.BOOT_TIME | Change.PLAYING | Change.MELODY
    )
    assert (online.playing, online.melody) == (False, None)


def test_a_restart_makes_alerts_unconfirmed(online: Device) -> None:
    """The firmware says nothing of what it had raised before; it may be still so."""
    hear(online, alert("FileManager", "WARNING"))
    change = hear(online, heartbeat(uptime=3), after=30)
    assert not (Change.RESTART | Change.ALERTS) & ~change
    assert not online.alerts.active["FileManager"].confirmed


def test_what_was_said_since_a_restart_holds(online: Device) -> None:
    """A device speaks of its troubles and melodies before its next heartbeat."""
    hear(online, alert("TimeKeeper", "WARNING"))
    hear(online, alert("FileManager", "FAILED"), after=40)
    hear(online, info("playback_started", melody_uid="ABC123"), after=45)
    assert hear(online, heartbeat(uptime=20), after=50) == (
        Change.RESTART | Change.ALERTS | Change.BOOT_TIME
    )
    assert online.alerts.active["FileManager"].confirmed
    assert not online.alerts.active["TimeKeeper"].confirmed
    assert (online.playing, online.melody) == (True, "ABC123")


def test_a_kept_alert_does_not_outdo_what_was_heard(online: Device) -> None:
    """It is of an unknown age: it neither ends a live alert nor changes it."""
    hear(online, alert("FileManager", "FAILED", "gone"))
    before = dict(online.alerts.active)
    for state in ("CLEARED", "WARNING"):
        kept = alert("FileManager", state)
        assert replay(online, kept) == Change.NOTHING
        assert [fault.kind for fault in kept.faults] == [FaultKind.RETAINED]
    assert online.alerts.active == before


def test_a_kept_alert_counts_after_a_gap(online: Device) -> None:
    """It may have been raised meanwhile; but a kept CLEARED may be over as well."""
    hear(online, alert("FileManager", "WARNING"))
    online.lose_sight()
    assert Change.SEVERITY & replay(online, alert("FileManager", "FAILED"))
    assert replay(online, alert("FileManager", "CLEARED")) == Change.NOTHING
    assert online.alerts.severity is Severity.FAILED


def test_a_subsystem_known_from_before_is_heard_of(device: Device) -> None:
    """CLEARED tells for the first time how it is, and so does an alert."""
    device.alerts.subsystems += ("FileManager", "TimeKeeper")
    device.alerts.unheard |= {*device.alerts.subsystems}
    assert replay(device, alert("FileManager", "CLEARED")) == Change.NOTHING
    assert Change.ALERTS & hear(device, alert("FileManager", "CLEARED"))
    assert device.alerts.unheard == {"TimeKeeper"}
    change = hear(device, alert("TimeKeeper", "WARNING"))
    assert Change.ALERTS & change
    assert not Change.SUBSYSTEMS & change
    assert not device.alerts.unheard


# Alerts from before a restart


def restarted(close_after: int = 600, *subsystems: str) -> Device:
    """Return a device that raised alerts and was then seen to have restarted."""
    device = Device(device_id=DEVICE_ID, close_after=close_after)
    hear(device, heartbeat(uptime=5000))
    for subsystem in subsystems or ("FileManager",):
        hear(device, alert(subsystem, "WARNING"))
    hear(device, heartbeat(uptime=10), after=60)
    return device


def active(device: Device) -> list[str]:
    """Return the subsystems with an active alert."""
    return list(device.alerts.active)


def test_what_is_not_raised_again_is_closed() -> None:
    """After ten minutes by the clock of the device, and not before."""
    device = restarted(600, "FileManager", "TimeKeeper")
    hear(device, alert("TimeKeeper", "WARNING"), after=360)
    assert hear(device, heartbeat(uptime=609), after=660) == Change.LAST_SEEN
    change = hear(device, heartbeat(uptime=610), after=661)
    assert change == Change.ALERT_CLOSED | Change.ALERTS
    assert active(device) == ["TimeKeeper"]
    assert device.alerts.just_closed == ("FileManager",)
    assert device.alerts.closed_by == {"FileManager": ClosedBy.RESTART}
    assert hear(device, heartbeat(uptime=640), after=691) == Change.NOTHING


def test_the_last_alert_closed_ends_the_problem() -> None:
    """It is as if the device had cleared it."""
    change = hear(restarted(), heartbeat(uptime=610), after=660)
    assert not (Change.ALERT_CLOSED | Change.SEVERITY | Change.PROBLEM) & ~change


@pytest.mark.parametrize("jump", [-86_400, 86_400])
def test_a_wall_clock_that_jumps_closes_nothing_early_or_late(jump: float) -> None:
    """The time that counts is the device's own."""
    device = restarted()
    hear(device, heartbeat(uptime=609), after=660 + jump)
    assert active(device)
    hear(device, heartbeat(uptime=610), after=661 + jump)
    assert not active(device)


def test_never_is_never() -> None:
    """Who wants to keep alerts keeps them."""
    device = restarted(0)
    hear(device, heartbeat(uptime=10_000_000), after=10_000_000)
    assert active(device)


def test_a_kept_heartbeat_closes_nothing() -> None:
    """It may be of another boot."""
    device = restarted()
    replay(device, heartbeat(uptime=5000))
    assert active(device)


def test_a_heartbeat_without_uptime_closes_nothing() -> None:
    """It tells nothing of the time."""
    device = restarted()
    hear(device, heartbeat(), after=5000)
    assert active(device)


@pytest.mark.parametrize("state", ["WARNING", "CLEARED"])
def test_what_the_device_speaks_of_is_not_closed(state: str) -> None:
    """Nor is it later, when it is unconfirmed for another reason."""
    device = restarted()
    hear(device, alert("FileManager", state), after=300)
    hear(device, alert("FileManager", "WARNING"), after=301)
    device.lose_sight()
    device.regain_sight()
    for uptime in (400, 1000, 2000):
        hear(device, heartbeat(uptime=uptime), after=50 + uptime)
    assert active(device)
    assert not device.alerts.closed_by


def test_what_was_kept_of_an_alert_is_not_closed() -> None:
    """It may be from after the restart."""
    device = restarted()
    device.apply(alert("FileManager", "FAILED"), live=False, now=NOW + 61)
    hear(device, heartbeat(uptime=5000), after=5050)
    assert active(device)


def test_a_gap_alone_closes_nothing(online: Device) -> None:
    """The device has not forgotten what it had raised."""
    online.close_after = 600
    hear(online, alert("FileManager", "WARNING"))
    online.lose_sight()
    online.regain_sight()
    hear(online, heartbeat(uptime=10_000), after=10_000)
    assert active(online)


def test_the_time_begins_anew_after_each_restart() -> None:
    """A device that restarts all the time never has the time for a check."""
    device = restarted()
    hear(device, heartbeat(uptime=500), after=560)
    hear(device, heartbeat(uptime=20), after=600)
    hear(device, heartbeat(uptime=619), after=1200)
    assert active(device)
    hear(device, heartbeat(uptime=620), after=1201)
    assert not active(device)


def test_the_time_begins_anew_after_silence() -> None:
    """What it raised in the meantime was not heard."""
    device = restarted()
    device.go_silent()
    hear(device, heartbeat(uptime=700), after=760)
    hear(device, heartbeat(uptime=1299), after=1360)
    assert active(device)
    hear(device, heartbeat(uptime=1300), after=1361)
    assert not active(device)


def test_no_time_counts_without_sight() -> None:
    """What comes in another way than over the broker tells nothing of alerts."""
    device = restarted()
    device.lose_sight()
    hear(device, heartbeat(uptime=5000), after=5050)
    assert active(device)
    device.regain_sight()
    hear(device, heartbeat(uptime=6000), after=6050)
    hear(device, heartbeat(uptime=6599), after=6649)
    assert active(device)
    hear(device, heartbeat(uptime=6600), after=6650)
    assert not active(device)


def test_a_restart_without_uptime_counts_from_the_next_one(online: Device) -> None:
    """The log tells of it first."""
    online.close_after = 600
    boot = {"t": 1, "d0": 1, "d1": 0, "ts": 0, "up": 0}
    hear(online, heartbeat(recent_events=[]))
    hear(online, alert("FileManager", "WARNING"))
    hear(online, heartbeat(recent_events=[boot]), after=60)
    hear(online, heartbeat(uptime=700), after=700)
    assert active(online)
    hear(online, heartbeat(uptime=1300), after=1300)
    assert not active(online)


def test_what_closed_an_alert_is_told_until_the_next_one() -> None:
    """A new alert is the device's own word; CLEARED is none while it has no alert."""
    device = restarted()
    hear(device, heartbeat(uptime=610), after=660)
    assert hear(device, alert("FileManager", "CLEARED"), after=661) == Change.NOTHING
    assert device.alerts.closed_by
    hear(device, alert("FileManager", "WARNING"), after=662)
    assert not device.alerts.closed_by


def test_a_closed_alert_is_known_to_be_over() -> None:
    """Also where the device has not spoken of the subsystem since we started."""
    device = restarted()
    device.alerts.unheard |= {"FileManager"}
    hear(device, heartbeat(uptime=610), after=660)
    assert not device.alerts.unheard


# Contact


@a_sign_of_life
def test_contact_is_told_once_after_each_gap(device: Device, message: Message) -> None:
    """First of a new device, then after silence, then after a lost link."""
    for gap in (Device.regain_sight, Device.go_silent, Device.regain_sight):
        assert Change.CONTACT & hear(device, message)
        assert not Change.CONTACT & hear(device, message, after=70)
        gap(device)
        assert not Change.CONTACT & replay(device, message)
    assert Change.CONTACT & hear(device, message)


# Alerts


@pytest.mark.parametrize("severity", list(Severity)[1:], ids=lambda one: one.key)
def test_an_alert_is_raised(online: Device, severity: Severity) -> None:
    """It is in the active set, with its state, its text and when it was heard."""
    change = hear(online, alert("FileManager", severity.name, "SD mount failed"))
    assert online.alerts.active == {
        "FileManager": ActiveAlert(
            subsystem="FileManager",
            severity=severity,
            message="SD mount failed",
            updated_at=datetime.fromtimestamp(NOW, UTC),
            confirmed=True,
        )
    }
    assert change == (
        Change.ALERTS | Change.SEVERITY | Change.PROBLEM | Change.SUBSYSTEMS
    )


def test_an_alert_is_cleared(online: Device) -> None:
    """It leaves the active set; the subsystem stays known."""
    hear(online, alert("FileManager", "WARNING"))
    change = hear(online, alert("FileManager", "CLEARED"))
    assert online.alerts.active == {}
    assert online.alerts.subsystems == ("FileManager",)
    assert change == Change.ALERTS | Change.SEVERITY | Change.PROBLEM


@pytest.mark.parametrize("live", [True, False], ids=["live", "kept"])
def test_what_is_not_raised_can_not_be_cleared(online: Device, *, live: bool) -> None:
    """CLEARED for a subsystem without an alert changes nothing at all."""
    cleared = alert("FileManager", "CLEARED")
    assert online.apply(cleared, live=live, now=NOW) == Change.NOTHING
    assert online.alerts.subsystems == ()
    assert not cleared.faults


def test_a_subsystem_raises_again_what_was_cleared(online: Device) -> None:
    """Its second alert is no new subsystem."""
    hear(online, alert("FileManager", "WARNING"))
    hear(online, alert("FileManager", "CLEARED"))
    change = hear(online, alert("FileManager", "FAILED"))
    assert change == Change.ALERTS | Change.SEVERITY | Change.PROBLEM


def test_the_same_state_again_is_no_transition(online: Device) -> None:
    """Text and time are the new ones; nothing else has changed."""
    hear(online, alert("FileManager", "WARNING", "SD mount failed"))
    change = hear(online, alert("FileManager", "WARNING", "SD is full"), after=30)
    assert change == Change.ALERTS
    (active,) = online.alerts.active.values()
    assert active.message == "SD is full"
    assert active.updated_at == datetime.fromtimestamp(NOW + 30, UTC)


@pytest.mark.parametrize(
    ("before", "after"), [("WARNING", "FAILED"), ("FAILED", "CRITICAL")]
)
def test_an_alert_becomes_worse_or_better(
    online: Device, before: str, after: str
) -> None:
    """A subsystem has one alert, in its last state; a problem it is all along."""
    hear(online, alert("FileManager", before))
    change = hear(online, alert("FileManager", after))
    assert change == Change.ALERTS | Change.SEVERITY
    assert online.alerts.severity is Severity[after]


def test_a_state_that_is_not_known_leaves_the_alert(online: Device) -> None:
    """It is refused: the stored state stays as it was."""
    hear(online, alert("FileManager", "WARNING"))
    assert hear(online, alert("FileManager", "PURPLE")) == Change.NOTHING
    assert online.alerts.severity is Severity.WARNING


def test_subsystems_have_alerts_of_their_own(online: Device) -> None:
    """Names that differ in case are different subsystems."""
    hear(online, alert("FileManager", "WARNING"))
    hear(online, alert("filemanager", "FAILED"))
    hear(online, alert("FileManager", "CLEARED"))
    assert list(online.alerts.active) == ["filemanager"]


def test_an_alert_that_is_not_the_worst_leaves_the_severity(online: Device) -> None:
    """A device is as bad as its worst alert."""
    hear(online, alert("TimeKeeper", "FAILED"))
    change = hear(online, alert("FileManager", "WARNING"))
    assert change == Change.ALERTS | Change.SUBSYSTEMS
    assert hear(online, alert("FileManager", "CLEARED")) == Change.ALERTS
    assert online.alerts.severity is Severity.FAILED


def test_a_new_subsystem_is_the_last_of_the_subsystems(online: Device) -> None:
    """They stay in the order in which they first raised an alert."""
    for subsystem in ("TimeKeeper", "FileManager", "TimeKeeper", "Player"):
        hear(online, alert(subsystem, "WARNING"))
    assert online.alerts.subsystems == ("TimeKeeper", "FileManager", "Player")


def test_a_device_has_so_many_subsystems_and_no_more(online: Device) -> None:
    """One more is refused and named, and the others go on as before."""
    for number in range(MAX_SUBSYSTEMS):
        hear(online, alert(f"Subsystem {number}", "WARNING"))
    refused = alert("One more", "FAILED")
    assert hear(online, refused) == Change.NOTHING
    assert found(refused) == [("subsystem", FaultKind.TOO_MANY)]
    assert online.alerts.severity is Severity.WARNING
    assert hear(online, alert("Subsystem 0", "CRITICAL")) == (
        Change.ALERTS | Change.SEVERITY
    )


def test_the_most_subsystems_are_32() -> None:
    """It is the protocol's figure."""
    assert MAX_SUBSYSTEMS == 32


def test_a_refused_subsystem_is_a_sign_of_life(device: Device) -> None:
    """The device speaks, whatever it says."""
    device.alerts.subsystems = tuple(
        [f"Subsystem {number}" for number in range(MAX_SUBSYSTEMS)]
    )
    assert hear(device, alert("One more", "FAILED")) == CAME_ONLINE


def test_a_kept_alert_is_not_confirmed(device: Device) -> None:
    """It sets the state, until the device itself speaks of that subsystem."""
    replay(device, alert("FileManager", "WARNING"))
    assert not device.alerts.active["FileManager"].confirmed
    hear(device, alert("FileManager", "WARNING"))
    assert device.alerts.active["FileManager"].confirmed


def test_a_lost_link_makes_alerts_unconfirmed(online: Device) -> None:
    """Transitions in that time are lost; what was said last stays otherwise."""
    hear(online, alert("FileManager", "WARNING", "SD mount failed"))
    hear(online, alert("TimeKeeper", "FAILED"))
    assert online.lose_sight() == LOST_LINK | Change.ALERTS
    assert [one.confirmed for one in online.alerts.active.values()] == [False, False]
    assert online.alerts.active["FileManager"].message == "SD mount failed"
    assert online.lose_sight() is LOST_LINK


def test_an_alert_is_confirmed_by_itself(online: Device) -> None:
    """What the device says of one subsystem says nothing of another."""
    hear(online, alert("FileManager", "WARNING"))
    hear(online, alert("TimeKeeper", "WARNING"))
    online.lose_sight()
    hear(online, alert("FileManager", "WARNING"))
    assert {one.subsystem: one.confirmed for one in online.alerts.active.values()} == {
        "FileManager": True,
        "TimeKeeper": False,
    }


def test_silence_leaves_the_alerts(online: Device) -> None:
    """What was said last holds until the device says else."""
    hear(online, alert("FileManager", "WARNING"))
    assert not online.go_silent() & (Change.ALERTS | Change.SEVERITY | Change.PROBLEM)
    assert online.alerts.active["FileManager"].confirmed


def test_the_api_shows_the_worst_alerts_first(online: Device) -> None:
    """Among equals they come by name; times are in UTC."""
    hear(online, alert("TimeKeeper", "WARNING", "NTP sync failed"))
    hear(online, alert("Player", "FAILED"))
    hear(online, alert("FileManager", "WARNING"))
    updated_at = "2027-01-15T08:00:00+00:00"
    assert online.alerts.as_json() == [
        {
            "subsystem": subsystem,
            "state": state,
            "message": message,
            "updated_at": updated_at,
            "confirmed": True,
            "acknowledged": False,
            "note": "",
        }
        for subsystem, state, message in [
            ("Player", "FAILED", ""),
            ("FileManager", "WARNING", ""),
            ("TimeKeeper", "WARNING", "NTP sync failed"),
        ]
    ]


@pytest.mark.parametrize(
    ("state", "acknowledged"),
    [("WARNING", True), ("CRITICAL", True), ("FAILED", False)],
)
def test_who_knows_of_an_alert_does_not_know_of_a_worse_one(
    online: Device, state: str, *, acknowledged: bool
) -> None:
    """The same told again stays acknowledged, and so does what got better."""
    hear(online, alert("Player", "CRITICAL"))
    active = online.alerts.active
    active["Player"] = replace(active["Player"], acknowledged=True)
    hear(online, alert("Player", state), after=300)
    assert active["Player"].acknowledged is acknowledged


def test_a_note_is_worth_as_much_as_its_alert(online: Device) -> None:
    """It stays as long as somebody knows of the alert."""
    hear(online, alert("Player", "CRITICAL"))
    assert online.alerts.acknowledge("Player", "on it") == Change.ALERTS
    hear(online, alert("Player", "WARNING"), after=300)
    assert online.alerts.as_json()[0]["note"] == "on it"
    hear(online, alert("Player", "CRITICAL"), after=600)
    assert online.alerts.as_json()[0]["note"] == ""


def test_there_is_nothing_to_say_of_an_alert_that_is_over(online: Device) -> None:
    """A person may speak of it a moment too late."""
    assert online.clear_alert("Player") == Change.NOTHING
    assert online.alerts.acknowledge("Player", "on it") == Change.NOTHING
    assert not online.occurrences


def test_a_person_clears_an_alert(online: Device) -> None:
    """It is as over as if the device had said so, whoever was awaited to say so."""
    hear(online, heartbeat(uptime=5000))
    hear(online, alert("Player", "WARNING"), after=1)
    hear(online, heartbeat(uptime=10), after=60)
    assert online.alerts.awaited == {"Player"}
    change = online.clear_alert("Player")
    assert not (Change.ALERT_CLOSED | Change.PROBLEM) & ~change
    assert online.alerts.just_closed == ("Player",)
    assert online.alerts.closed_by == {"Player": ClosedBy.ACTION}
    assert not online.alerts.awaited
    assert hear(online, alert("Player", "CLEARED"), after=61) == Change.NOTHING


def test_maintenance(online: Device) -> None:
    """It lasts until then, whether or not anybody has noticed that it is over."""
    assert not online.muted(NOW)
    assert online.set_maintenance(until=NOW + 60) == Change.MAINTENANCE
    assert online.set_maintenance(until=NOW + 60) == Change.NOTHING
    assert online.in_maintenance
    assert online.muted(NOW + 59)
    assert not online.muted(NOW + 60)
    assert online.set_maintenance(until=None) == Change.MAINTENANCE
    assert online.maintenance_until is None
    assert [(told.kind, told.until) for told in online.occurrences] == [
        ("maintenance_started", NOW + 60),
        ("maintenance_ended", None),
    ]


def test_its_next_word_is_awaited(online: Device) -> None:
    """It is told of once, whatever it says; kept messages are no word of it."""
    online.await_word()
    online.apply(heartbeat(), live=False, now=NOW + 1)
    assert Change.ANSWER & hear(online, Malformed(faults=[]), after=2)
    assert hear(online, heartbeat(), after=3) == Change.NOTHING


def test_the_first_word_is_a_contact(device: Device) -> None:
    """Whoever was not heard since a gap does not answer, but is back."""
    device.await_word()
    change = hear(device, heartbeat())
    assert Change.CONTACT & change
    assert not Change.ANSWER & change
    device.lose_sight()
    device.regain_sight()
    device.await_word()
    assert Change.CONTACT & hear(device, heartbeat(), after=1)


def test_the_api_shows_a_device_without_alerts_as_healthy(online: Device) -> None:
    """The empty list says that all is well."""
    assert online.alerts.as_json() == []


# Playback and other activity


def test_playback_starts(online: Device) -> None:
    """The device plays, and what it plays is known."""
    change = hear(online, info("playback_started", melody_uid="ABC123"))
    assert change == Change.ACTIVITY | Change.PLAYING | Change.MELODY
    assert (online.playing, online.melody) == (True, "ABC123")


def test_playback_stops(online: Device) -> None:
    """Both end."""
    hear(online, info("playback_started", melody_uid="ABC123"))
    change = hear(online, info("playback_stopped"))
    assert change == Change.ACTIVITY | Change.PLAYING | Change.MELODY
    assert (online.playing, online.melody) == (False, None)


def test_the_next_melody_follows_without_a_stop(online: Device) -> None:
    """A stop may be lost; the device plays on, something else."""
    hear(online, info("playback_started", melody_uid="ABC123"))
    change = hear(online, info("playback_started", melody_uid="DEF456"))
    assert change == Change.ACTIVITY | Change.MELODY
    assert online.melody == "DEF456"


@pytest.mark.parametrize("uid", [None, 7, ""], ids=["null", "number", "empty"])
def test_a_melody_that_can_not_be_named_plays(
    online: Device, uid: int | str | None
) -> None:
    """The one before is over in any case."""
    hear(online, info("playback_started", melody_uid="ABC123"))
    hear(online, info("playback_started", melody_uid=uid))
    assert (online.playing, online.melody) == (True, None)


def test_other_activity_changes_no_state(online: Device) -> None:
    """It is passed on with its type and payload."""
    hear(online, info("playback_started", melody_uid="ABC123"))
    message = info("volume", level=7)
    assert hear(online, message) == Change.ACTIVITY
    assert online.activity is message
    assert (online.playing, online.melody) == (True, "ABC123")


def test_the_same_activity_again_is_one_more(online: Device) -> None:
    """Each message tells of a moment of its own."""
    hear(online, info("volume"))
    assert hear(online, info("volume")) == Change.ACTIVITY


def test_a_kept_info_is_ignored(online: Device) -> None:
    """It is no activity and no playback, and is named as what it is."""
    message = info("playback_started", melody_uid="ABC123")
    assert replay(online, message) == Change.NOTHING
    assert found(message) == [("", FaultKind.RETAINED)]
    assert online.activity is None
    assert online.playing is None


def test_playback_is_not_known_of_a_silent_device(online: Device) -> None:
    """A lost stop must not leave a bell playing for ever."""
    hear(online, info("playback_started", melody_uid="ABC123"))
    assert online.go_silent() == WENT_OFFLINE | Change.PLAYING | Change.MELODY
    assert (online.playing, online.melody) == (None, None)


def test_playback_is_not_known_after_a_lost_link(online: Device) -> None:
    """The stop may have been said to nobody."""
    hear(online, info("playback_started", melody_uid="ABC123"))
    change = online.lose_sight()
    assert change == LOST_LINK | Change.PLAYING | Change.MELODY
    assert (online.playing, online.melody) == (None, None)


def test_playback_stays_unknown_until_it_is_told_of(online: Device) -> None:
    """A heartbeat says nothing of it."""
    online.go_silent()
    hear(online, heartbeat(uptime=130))
    assert online.playing is None


# Properties


@dataclass
class Plain:
    """The rules once more, as plainly as they can be written."""

    active: dict[str, tuple[Severity, str, float, bool]] = field(default_factory=dict)
    subsystems: list[str] = field(default_factory=list)
    uptime: int | None = None
    started: float = 0.0
    last_restart: float | None = None
    is_in_contact: bool = False
    is_contact_new: bool = False
    awaited: set[str] = field(default_factory=set)
    awaiting_since: int | None = None
    closed: list[str] = field(default_factory=list)
    log: tuple[RecentEvent, ...] | None = None
    is_log_new: bool = False

    def take(self, step: Step, now: float) -> None:
        """Take a step of a device's life."""
        self.is_log_new = False
        self.is_contact_new = False
        self.closed = []
        match step:
            case Heard():
                self.is_contact_new = step.live and not self.is_in_contact
                self.is_in_contact |= step.live
                self.hear(step.parse(), now, live=step.live)
            case LinkLoss():
                self.unconfirm()
                self.is_in_contact, self.awaiting_since = False, None
            case Silence():
                self.is_in_contact, self.awaiting_since = False, None

    def hear(self, message: Message, now: float, *, live: bool) -> None:
        """Take a message in."""
        match message:
            case Alert(subsystem=subsystem, severity=Severity.OK):
                if live:
                    self.active.pop(subsystem, None)
                    self.awaited.discard(subsystem)
            case Alert(subsystem=subsystem) if (
                not live and subsystem in self.active and self.active[subsystem][3]
            ):
                pass  # it was heard, and nothing older outdoes that
            case Alert(subsystem=subsystem, severity=severity, message=text):
                if subsystem not in self.subsystems and len(self.subsystems) < 32:
                    self.subsystems.append(subsystem)
                if subsystem in self.subsystems:
                    self.active[subsystem] = (severity, text, now, live)
                    self.awaited.discard(subsystem)
            case Heartbeat(uptime=int() as uptime) if live:
                self.count(uptime, now)
        if isinstance(message, Heartbeat):
            self.read_log(message, live=live)

    def count(self, uptime: int, now: float) -> None:
        """Take the uptime of a heartbeat in."""
        started = now - uptime
        if self.uptime is not None and (
            self.uptime - uptime > 5
            or (uptime <= self.uptime and started - self.started > uptime + 5)
        ):
            self.last_restart, self.awaiting_since = now, None
            self.unconfirm(before=started)
            self.awaited |= {
                subsystem
                for subsystem, (_, _, updated, _) in self.active.items()
                if updated < started - 5
            }
        self.uptime, self.started = uptime, started
        if self.awaited:
            self.close(uptime)

    def close(self, uptime: int) -> None:
        """Close what was not raised again since a restart."""
        if self.awaiting_since is None:
            self.awaiting_since = uptime
        if uptime - self.awaiting_since >= CLOSE_AFTER:
            self.closed = [name for name in self.active if name in self.awaited]
            for subsystem in self.closed:
                del self.active[subsystem]
            self.awaited = set()

    def read_log(self, message: Heartbeat, *, live: bool) -> None:
        """Take the ring buffer of a heartbeat in."""
        log, _ = message.events()
        if log is not None and (live or self.log is None):
            known = log if self.log is None else self.log
            self.is_log_new = bool(log) and known[-len(log) :] != log
            self.log = log

    def unconfirm(self, before: float = float("inf")) -> None:
        """Take every alert for unconfirmed that was raised before."""
        self.active = {
            subsystem: (severity, text, updated, confirmed and updated >= before)
            for subsystem, (severity, text, updated, confirmed) in self.active.items()
        }


def shown(device: Device) -> dict[Changes, object]:
    """Return what people see of a device, by what tells that it has changed."""
    diagnostics = device.diagnostics
    return {
        Change.CONNECTIVITY: device.online,
        Change.REACHABILITY: device.online is not False,
        Change.ALERTS: dict(device.alerts.active),
        Change.SEVERITY: device.alerts.severity,
        Change.PROBLEM: bool(device.alerts.active),
        Change.SUBSYSTEMS: tuple(device.alerts.subsystems),
        Change.PLAYING: device.playing,
        Change.MELODY: device.melody,
        Change.ACTIVITY: id(device.activity),
        Change.FIRMWARE: device.firmware_version,
        Change.RESET_REASON: diagnostics.reset_reason,
        Change.BOOT_TIME: diagnostics.boot_time,
        Change.DISCONNECT: diagnostics.last_disconnect_code,
        Change.HEAP_MIN_FREE: diagnostics.heap_min_free,
        Change.WIFI_SIGNAL: diagnostics.rssi,
    }


#: Short enough for the uptimes that are drawn.
CLOSE_AFTER = 30

lives = lives_with(st.sampled_from([1, 29, 30, 60, 3600]))


def of_any_life() -> Device:
    """Return a device whose alerts are closed soon after a restart."""
    return Device(device_id=DEVICE_ID, close_after=CLOSE_AFTER)


@given(lives)
def test_the_active_set_agrees_with_the_plain_rules(
    life: list[tuple[int, Step]],
) -> None:
    """Any order of messages leaves exactly what the rules say."""
    device, plain, now = of_any_life(), Plain(), 0
    for wait, step in life:
        now += wait
        step.take(device, now)
        plain.take(step, now)
        assert {
            subsystem: (
                one.severity,
                one.message,
                one.updated_at.timestamp(),
                one.confirmed,
            )
            for subsystem, one in device.alerts.active.items()
        } == plain.active
        assert list(device.alerts.subsystems) == plain.subsystems
        assert device.alerts.awaited == plain.awaited


@given(lives)
def test_a_device_never_contradicts_itself(life: list[tuple[int, Step]]) -> None:
    """The worst, the problem, the subsystems and playback fit together at any time."""
    device, now = of_any_life(), 0
    for wait, step in life:
        now += wait
        step.take(device, now)
        severities = [one.severity for one in device.alerts.active.values()]
        assert device.alerts.severity is max(severities, default=Severity.OK)
        assert Severity.OK not in severities
        assert all(name == one.subsystem for name, one in device.alerts.active.items())
        assert set(device.alerts.active) <= set(device.alerts.subsystems)
        assert device.alerts.awaited <= set(device.alerts.active)
        assert device.alerts.active.keys().isdisjoint(device.alerts.closed_by)
        assert len(set(device.alerts.subsystems)) == len(device.alerts.subsystems) <= 32
        assert [one["subsystem"] for one in device.alerts.as_json()] == sorted(
            device.alerts.active,
            key=lambda name: (-device.alerts.active[name].severity, name),
        )
        assert device.melody is None or device.playing
        assert not (device.online is False and device.playing is not None)
        assert (device.last_seen is not None) or device.online is not True


@given(lives)
def test_exactly_what_changed_is_told(life: list[tuple[int, Step]]) -> None:
    """Each flag is raised where what it stands for differs, and nowhere else."""
    device, plain, now = of_any_life(), Plain(), 0
    for wait, step in life:
        now += wait
        before = shown(device)
        change = step.take(device, now)
        after = shown(device)
        plain.take(step, now)
        changed = {flag for flag in after if after[flag] != before[flag]}
        if isinstance(step, LinkLoss):
            changed.add(Change.CONNECTIVITY)  # it can't be told for now
            if device.online is not False:
                changed.add(Change.REACHABILITY)
        if plain.last_restart == now:
            changed.add(Change.RESTART)
        if before[Change.CONNECTIVITY] is False and after[Change.CONNECTIVITY]:
            changed.add(Change.CAME_ONLINE)
        if plain.is_log_new:
            changed.add(Change.DEVICE_LOG)
        if plain.is_contact_new:
            changed.add(Change.CONTACT)
        if plain.closed:
            changed.add(Change.ALERT_CLOSED)
            assert list(device.alerts.just_closed) == plain.closed
        told = {flag for flag in Change if flag & change}
        assert told - {Change.LAST_SEEN, Change.HEAP_FREE} == changed


@given(lives_with(st.sampled_from([-86_400, -30, -1, 0, 1, 29, 30, 59, 60, 86_400])))
def test_what_is_told_of_last_seen_is_never_a_minute_old(
    life: list[tuple[int, Step]],
) -> None:
    """Whatever the clock does, an online device is not shown as seen long ago."""
    device, now, told = Device(device_id=DEVICE_ID), 1_000_000.0, None
    for wait, step in life:
        now += wait
        live = isinstance(step, Heard) and step.live
        before = device.last_seen
        change = step.take(device, now)
        assert device.last_seen == (now if live else before)
        if Change.LAST_SEEN & change:
            assert live or isinstance(step, Silence)
            told = device.last_seen
        if live:
            assert told is not None
            assert 0 <= now - told < LAST_SEEN_INTERVAL
        if device.online is False:
            assert told == device.last_seen


@given(lives)
def test_what_the_broker_kept_never_brings_a_device_to_life(
    life: list[tuple[int, Step]],
) -> None:
    """Online, last seen, playback and activity come from live messages alone."""
    device, now = of_any_life(), 0
    for wait, step in life:
        now += wait
        if isinstance(step, Heard) and not step.live:
            before = (device.online, device.last_seen, device.playing, device.activity)
            change = step.take(device, now)
            assert before == (
                device.online,
                device.last_seen,
                device.playing,
                device.activity,
            )
            assert not change & (CAME_ONLINE | Change.PLAYING | Change.RESTART)
        else:
            step.take(device, now)
