"""Active alerts of a device (docs/protocol.md)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from custom_components.vesper.model.active_alert import ActiveAlert
from custom_components.vesper.model.alerts import MAX_ACTIVE, MAX_SUBSYSTEMS, ClosedBy
from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.protocol.fields import FaultKind
from custom_components.vesper.protocol.severity import Severity
from tests.protocol.common import found
from tests.strategies import DEVICE_ID, alert, heartbeat

from .common import BROKER_DISCONNECTED, CAME_ONLINE, NOW, receive, replay


@pytest.mark.parametrize("severity", list(Severity)[1:], ids=lambda one: one.key)
def test_an_alert_is_raised(online: Device, severity: Severity) -> None:
    """It is active, with its state, text and time."""
    change = receive(online, alert("FileManager", severity.name, "SD mount failed"))
    assert online.alerts.active == {
        "FileManager": ActiveAlert(
            subsystem="FileManager",
            severity=severity,
            message="SD mount failed",
            updated_at=datetime.fromtimestamp(NOW, UTC),
            confirmed=True,
            raised_at=datetime.fromtimestamp(NOW, UTC),
            worsened_at=datetime.fromtimestamp(NOW, UTC),
            critical_at=(
                datetime.fromtimestamp(NOW, UTC)
                if severity >= Severity.CRITICAL
                else None
            ),
            announced=severity,
        )
    }
    assert change == (
        Change.ALERTS | Change.SEVERITY | Change.PROBLEM | Change.SUBSYSTEMS
    )


def test_an_alert_is_cleared(online: Device) -> None:
    """It is no longer active; the subsystem stays known."""
    receive(online, alert("FileManager", "WARNING"))
    change = receive(online, alert("FileManager", "CLEARED"))
    assert online.alerts.active == {}
    assert online.alerts.subsystems == ("FileManager",)
    assert change == Change.ALERTS | Change.SEVERITY | Change.PROBLEM


@pytest.mark.parametrize("live", [True, False], ids=["live", "retained"])
def test_what_is_not_raised_can_not_be_cleared(online: Device, *, live: bool) -> None:
    """CLEARED without an alert changes nothing."""
    cleared = alert("FileManager", "CLEARED")
    assert online.apply(cleared, live=live, now=NOW) == Change.NOTHING
    assert online.alerts.subsystems == ()
    assert not cleared.faults


def test_a_subsystem_raises_again_what_was_cleared(online: Device) -> None:
    """Its second alert adds no subsystem."""
    receive(online, alert("FileManager", "WARNING"))
    receive(online, alert("FileManager", "CLEARED"))
    change = receive(online, alert("FileManager", "FAILED"))
    assert change == Change.ALERTS | Change.SEVERITY | Change.PROBLEM


def test_the_same_state_again_is_no_transition(online: Device) -> None:
    """Only text and time change."""
    receive(online, alert("FileManager", "WARNING", "SD mount failed"))
    change = receive(online, alert("FileManager", "WARNING", "SD is full"), after=30)
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
    """A subsystem has one alert, in its last state."""
    receive(online, alert("FileManager", before))
    change = receive(online, alert("FileManager", after))
    assert change == Change.ALERTS | Change.SEVERITY
    assert online.alerts.severity is Severity[after]


def test_a_state_that_is_not_known_leaves_the_alert(online: Device) -> None:
    """An unknown state is rejected."""
    receive(online, alert("FileManager", "WARNING"))
    change = receive(online, alert("FileManager", "PURPLE"))
    assert change == Change.ALERT_LOST | Change.HEALTH_CHECK_DUE
    assert online.alerts.severity is Severity.WARNING


def test_subsystems_have_alerts_of_their_own(online: Device) -> None:
    """Names that differ in case are different subsystems."""
    receive(online, alert("FileManager", "WARNING"))
    receive(online, alert("filemanager", "FAILED"))
    receive(online, alert("FileManager", "CLEARED"))
    assert list(online.alerts.active) == ["filemanager"]


def test_an_alert_that_is_not_the_worst_leaves_the_severity(online: Device) -> None:
    """The severity is that of the worst alert."""
    receive(online, alert("TimeKeeper", "FAILED"))
    change = receive(online, alert("FileManager", "WARNING"))
    assert change == Change.ALERTS | Change.SUBSYSTEMS
    assert receive(online, alert("FileManager", "CLEARED")) == Change.ALERTS
    assert online.alerts.severity is Severity.FAILED


def test_a_new_subsystem_is_the_last_of_the_subsystems(online: Device) -> None:
    """They are in the order of their first alert."""
    for subsystem in ("TimeKeeper", "FileManager", "TimeKeeper", "Player"):
        receive(online, alert(subsystem, "WARNING"))
    assert online.alerts.subsystems == ("TimeKeeper", "FileManager", "Player")


def raise_alerts(device: Device, count: int) -> None:
    """Raise alerts of so many subsystems."""
    for number in range(count):
        receive(device, alert(f"Subsystem {number}", "WARNING"))


def test_the_place_that_was_ok_longest_is_reused(online: Device) -> None:
    """The subsystem that was OK longest loses its sensor."""
    raise_alerts(online, MAX_SUBSYSTEMS)
    for number in (7, 3, 5):
        receive(online, alert(f"Subsystem {number}", "CLEARED"))
    online.close_alert("Subsystem 9")
    receive(online, alert("Subsystem 7", "WARNING"))
    receive(online, alert("Subsystem 7", "CLEARED"))
    for number in (3, 5, 9, 7):
        new = alert(f"In place of {number}", "WARNING")
        assert receive(online, new) == Change.ALERTS | Change.SUBSYSTEMS
        assert online.alerts.replaced == f"Subsystem {number}"
        assert online.alerts.subsystems[-1] == f"In place of {number}"
        assert len(online.alerts.subsystems) == MAX_SUBSYSTEMS


def test_a_place_that_may_have_an_alert_is_not_reused(online: Device) -> None:
    """It is not known to be OK."""
    raise_alerts(online, MAX_SUBSYSTEMS)
    receive(online, alert("Subsystem 0", "CLEARED"))
    online.alerts.unknown = frozenset({"Subsystem 0"})
    assert receive(online, alert("One more", "WARNING")) == Change.ALERTS
    assert "Subsystem 0" in online.alerts.subsystems


def test_alerts_without_a_sensor_count(online: Device) -> None:
    """Alerts without a sensor are active alerts too."""
    raise_alerts(online, MAX_SUBSYSTEMS)
    new = alert("One more", "FAILED")
    assert receive(online, new) == Change.ALERTS | Change.SEVERITY
    assert not new.faults
    assert online.alerts.severity is Severity.FAILED
    assert [one.subsystem for one in online.occurrences[-1:]] == ["One more"]
    receive(online, alert("Subsystem 4", "CLEARED"))
    change = receive(online, alert("One more", "FAILED"))
    assert change == Change.ALERTS | Change.SUBSYSTEMS
    assert online.alerts.replaced == "Subsystem 4"
    assert receive(online, alert("One more", "CLEARED")) == (
        Change.ALERTS | Change.SEVERITY
    )


def test_what_closed_an_alert_is_kept_for_sensors_only(online: Device) -> None:
    """Ever new names fill no memory."""
    raise_alerts(online, MAX_SUBSYSTEMS)
    receive(online, alert("One more", "WARNING"))
    online.close_alert("One more")
    online.close_alert("Subsystem 0")
    receive(online, alert("Subsystem 1", "WARNING"))
    assert online.alerts.closed_by == {"Subsystem 0": ClosedBy.ACTION}
    receive(online, alert("In its place", "WARNING"))
    assert not online.alerts.closed_by


def test_the_severity_of_all_further_alerts_counts(online: Device) -> None:
    """Only the worst severity of further alerts is kept."""
    raise_alerts(online, MAX_ACTIVE)
    assert len(online.alerts.active) == MAX_ACTIVE
    for state, expected in (
        ("WARNING", Change.NOTHING),
        ("FAILED", Change.ALERTS | Change.SEVERITY),
        ("CRITICAL", Change.NOTHING),
    ):
        further = alert("One more", state)
        assert receive(online, further) == expected
        assert found(further) == [("subsystem", FaultKind.TOO_MANY)]
    severities = [online.alerts.severity, online.alerts.further]
    assert severities == [Severity.FAILED, Severity.FAILED]
    assert receive(online, alert("One more", "CLEARED")) == Change.NOTHING
    assert receive(online, alert("Subsystem 0", "CRITICAL")) == Change.ALERTS
    assert receive(online, alert("Subsystem 1", "CLEARED")) == (
        Change.ALERTS | Change.SEVERITY | Change.HEALTH_CHECK_DUE
    )
    assert online.alerts.severity is Severity.CRITICAL


def test_the_limits_are_those_of_the_protocol() -> None:
    """It names 32 and 64."""
    assert (MAX_SUBSYSTEMS, MAX_ACTIVE) == (32, 64)


def test_a_further_alert_is_a_sign_of_life(device: Device) -> None:
    """Its message is live, whatever it says."""
    device.alerts.subsystems = tuple(
        [f"Subsystem {number}" for number in range(MAX_ACTIVE)]
    )
    device.alerts.unknown = frozenset(device.alerts.subsystems)
    assert receive(device, alert("One more", "FAILED")) == (
        CAME_ONLINE | Change.ALERTS | Change.SEVERITY | Change.PROBLEM
    )


def test_a_retained_alert_is_not_confirmed(device: Device) -> None:
    """It is unconfirmed until the device reports the subsystem."""
    replay(device, alert("FileManager", "WARNING"))
    assert not device.alerts.active["FileManager"].confirmed
    receive(device, alert("FileManager", "WARNING"))
    assert device.alerts.active["FileManager"].confirmed


def test_a_disconnect_makes_alerts_unconfirmed(online: Device) -> None:
    """Changes may have been missed; all else stays."""
    receive(online, alert("FileManager", "WARNING", "SD mount failed"))
    receive(online, alert("TimeKeeper", "FAILED"))
    assert online.broker_disconnected() == BROKER_DISCONNECTED | Change.ALERTS
    assert [one.confirmed for one in online.alerts.active.values()] == [False, False]
    assert online.alerts.active["FileManager"].message == "SD mount failed"
    assert online.broker_disconnected() is BROKER_DISCONNECTED


def test_an_alert_is_confirmed_by_itself(online: Device) -> None:
    """The report of one subsystem does not confirm another."""
    receive(online, alert("FileManager", "WARNING"))
    receive(online, alert("TimeKeeper", "WARNING"))
    online.broker_disconnected()
    receive(online, alert("FileManager", "WARNING"))
    assert {one.subsystem: one.confirmed for one in online.alerts.active.values()} == {
        "FileManager": True,
        "TimeKeeper": False,
    }


def test_a_timeout_leaves_the_alerts(online: Device) -> None:
    """They stay until the device changes them."""
    receive(online, alert("FileManager", "WARNING"))
    assert not online.mark_offline(0) & (
        Change.ALERTS | Change.SEVERITY | Change.PROBLEM
    )
    assert online.alerts.active["FileManager"].confirmed


def test_the_api_shows_the_worst_alerts_first(online: Device) -> None:
    """Alerts of equal severity are sorted by name."""
    receive(online, alert("TimeKeeper", "WARNING", "NTP sync failed"))
    receive(online, alert("Player", "FAILED"))
    receive(online, alert("FileManager", "WARNING"))
    updated_at = "2027-01-15T08:00:00+00:00"
    assert online.alerts.as_json() == [
        {
            "subsystem": subsystem,
            "state": state,
            "message": message,
            "updated_at": updated_at,
            "confirmed": True,
            "acknowledged": False,
            "acknowledged_by": None,
            "acknowledged_at": None,
            "note": "",
            "raised_at": updated_at,
            "worsened_at": updated_at,
            "announced": state,
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
def test_an_acknowledgement_does_not_hold_for_a_worse_alert(
    online: Device, state: str, *, acknowledged: bool
) -> None:
    """The same state or a better one stays acknowledged."""
    receive(online, alert("Player", "CRITICAL"))
    active = online.alerts.active
    active["Player"] = replace(active["Player"], acknowledged=True)
    receive(online, alert("Player", state), after=300)
    assert active["Player"].acknowledged is acknowledged


def test_an_alert_is_announced_at_its_worst(online: Device) -> None:
    """An alert knows when it began and got worse."""
    replay(online, alert("Player", "WARNING"))
    times = [online.alerts.active["Player"].raised_at]
    for after, state in enumerate(("WARNING", "FAILED", "CRITICAL"), 1):
        receive(online, alert("Player", state), after=60 * after)
        active = online.alerts.active["Player"]
        assert active.raised_at == times[0]
        times.append(active.worsened_at)
        assert active.announced is (
            Severity.OK if state == "WARNING" else Severity.FAILED
        )
    assert times == [
        datetime.fromtimestamp(NOW + seconds, UTC) for seconds in (0, 0, 120, 120)
    ]


def test_an_alert_in_maintenance_is_not_announced(online: Device) -> None:
    """No triggers run for it."""
    online.set_maintenance(NOW + 3600)
    receive(online, alert("Player", "WARNING"))
    assert not online.alerts.active["Player"].announced
    online.set_maintenance(None)
    receive(online, alert("Player", "CRITICAL"), after=60)
    assert online.alerts.active["Player"].announced is Severity.CRITICAL


def test_a_note_lasts_as_long_as_its_acknowledgement(online: Device) -> None:
    """It ends with the acknowledgement."""
    receive(online, alert("Player", "CRITICAL"))

    def shown() -> tuple[object, ...]:
        (shown,) = online.alerts.as_json()
        keys = ("acknowledged", "acknowledged_by", "acknowledged_at", "note")
        return tuple(shown[key] for key in keys)

    change = online.acknowledge_alert("Player", "on it", "Anna", NOW)
    assert change == Change.ALERTS
    receive(online, alert("Player", "WARNING"), after=300)
    at = datetime.fromtimestamp(NOW, UTC).isoformat()
    assert shown() == (True, "Anna", at, "on it")
    receive(online, alert("Player", "CRITICAL"), after=600)
    assert shown() == (False, None, None, "")


def test_an_alert_that_is_over_can_not_be_changed(online: Device) -> None:
    """A user's change of a cleared alert is rejected."""
    assert online.close_alert("Player") == Change.NOTHING
    assert online.acknowledge_alert("Player", "on it", "Anna", NOW) == Change.NOTHING
    assert not online.occurrences


def test_a_user_clears_an_alert(online: Device) -> None:
    """An alert that a user clears ends at once."""
    receive(online, heartbeat(uptime=5000))
    receive(online, alert("Player", "WARNING"), after=1)
    receive(online, heartbeat(uptime=10), after=60)
    assert online.alerts.unconfirmed_since_restart == {"Player"}
    change = online.close_alert("Player")
    assert not (Change.ALERT_CLOSED | Change.PROBLEM) & ~change
    assert [alert.subsystem for alert in online.alerts.last_closed] == ["Player"]
    assert online.alerts.closed_by == {"Player": ClosedBy.ACTION}
    assert not online.alerts.unconfirmed_since_restart
    assert receive(online, alert("Player", "CLEARED"), after=61) == Change.NOTHING


def test_the_api_shows_a_device_without_alerts_as_healthy(online: Device) -> None:
    """The list of alerts is empty."""
    assert online.alerts.as_json() == []


# Alerts from before a gap or a restart


def test_a_restart_makes_alerts_unconfirmed(online: Device) -> None:
    """The firmware does not clear what it raised before."""
    receive(online, alert("FileManager", "WARNING"))
    change = receive(online, heartbeat(uptime=3), after=30)
    assert not (Change.RESTART | Change.ALERTS) & ~change
    assert not online.alerts.active["FileManager"].confirmed


def test_a_retained_alert_does_not_replace_a_live_one(online: Device) -> None:
    """Its age is unknown: it changes no live alert."""
    receive(online, alert("FileManager", "FAILED", "gone"))
    before = dict(online.alerts.active)
    for state in ("CLEARED", "WARNING"):
        retained = alert("FileManager", state)
        assert replay(online, retained) == Change.NOTHING
        assert [fault.kind for fault in retained.faults] == [FaultKind.RETAINED]
    assert online.alerts.active == before


def test_a_retained_alert_counts_after_a_gap(online: Device) -> None:
    """A retained alert counts, a retained CLEARED does not."""
    receive(online, alert("FileManager", "WARNING"))
    online.broker_disconnected()
    assert Change.SEVERITY & replay(online, alert("FileManager", "FAILED"))
    assert replay(online, alert("FileManager", "CLEARED")) == Change.NOTHING
    assert online.alerts.severity is Severity.FAILED


def test_a_subsystem_known_from_before_is_reported(device: Device) -> None:
    """The first report sets its state, CLEARED included."""
    device.alerts.subsystems += ("FileManager", "TimeKeeper")
    device.alerts.unknown |= {*device.alerts.subsystems}
    assert replay(device, alert("FileManager", "CLEARED")) == Change.NOTHING
    assert Change.ALERTS & receive(device, alert("FileManager", "CLEARED"))
    assert device.alerts.unknown == {"TimeKeeper"}
    change = receive(device, alert("TimeKeeper", "WARNING"))
    assert Change.ALERTS & change
    assert not Change.SUBSYSTEMS & change
    assert not device.alerts.unknown


def restarted(close_after: int = 600, *subsystems: str) -> Device:
    """Return a device that raised alerts and then restarted."""
    device = Device(device_id=DEVICE_ID, close_after=close_after)
    receive(device, heartbeat(uptime=5000))
    for subsystem in subsystems or ("FileManager",):
        receive(device, alert(subsystem, "WARNING"))
    receive(device, heartbeat(uptime=10), after=60)
    return device


def active(device: Device) -> list[str]:
    """Return the subsystems with an active alert."""
    return list(device.alerts.active)


def test_what_is_not_raised_again_is_closed() -> None:
    """After ten minutes of the device's uptime, not before."""
    device = restarted(600, "FileManager", "TimeKeeper")
    receive(device, alert("TimeKeeper", "WARNING"), after=360)
    assert receive(device, heartbeat(uptime=609), after=660) == Change.LAST_SEEN
    change = receive(device, heartbeat(uptime=610), after=661)
    assert change == Change.ALERT_CLOSED | Change.ALERTS
    assert active(device) == ["TimeKeeper"]
    assert [alert.subsystem for alert in device.alerts.last_closed] == ["FileManager"]
    assert device.alerts.closed_by == {"FileManager": ClosedBy.RESTART}
    assert receive(device, heartbeat(uptime=640), after=691) == Change.NOTHING


def test_the_last_alert_closed_ends_the_problem() -> None:
    """It has the effect of CLEARED."""
    change = receive(restarted(), heartbeat(uptime=610), after=660)
    assert not (Change.ALERT_CLOSED | Change.SEVERITY | Change.PROBLEM) & ~change


@pytest.mark.parametrize("jump", [-86_400, 86_400])
def test_a_wall_clock_that_jumps_closes_nothing_early_or_late(jump: float) -> None:
    """The device's uptime counts."""
    device = restarted()
    receive(device, heartbeat(uptime=609), after=660, jump=jump)
    assert active(device)
    receive(device, heartbeat(uptime=610), after=661, jump=jump)
    assert not active(device)


def test_never_is_never() -> None:
    """0 keeps alerts forever."""
    device = restarted(0)
    receive(device, heartbeat(uptime=10_000_000), after=10_000_000)
    assert active(device)


def test_a_retained_heartbeat_closes_nothing() -> None:
    """It may be of another boot."""
    device = restarted()
    replay(device, heartbeat(uptime=5000))
    assert active(device)


def test_a_heartbeat_without_uptime_closes_nothing() -> None:
    """The time since the restart is unknown."""
    device = restarted()
    receive(device, heartbeat(), after=5000)
    assert active(device)


@pytest.mark.parametrize("state", ["WARNING", "CLEARED"])
def test_what_the_device_reports_is_not_closed(state: str) -> None:
    """It stays open if it is unconfirmed later."""
    device = restarted()
    receive(device, alert("FileManager", state), after=300)
    receive(device, alert("FileManager", "WARNING"), after=301)
    device.broker_disconnected()
    device.broker_connected()
    for uptime in (400, 1000, 2000):
        receive(device, heartbeat(uptime=uptime), after=50 + uptime)
    assert active(device)
    assert not device.alerts.closed_by


def test_what_was_retained_of_an_alert_is_not_closed() -> None:
    """It may be from after the restart."""
    device = restarted()
    device.apply(alert("FileManager", "FAILED"), live=False, now=NOW + 61)
    receive(device, heartbeat(uptime=5000), after=5050)
    assert active(device)


def test_a_gap_alone_closes_nothing(online: Device) -> None:
    """The device still has its alerts."""
    online.close_after = 600
    receive(online, alert("FileManager", "WARNING"))
    online.broker_disconnected()
    online.broker_connected()
    receive(online, heartbeat(uptime=10_000), after=10_000)
    assert active(online)


def test_the_time_starts_again_after_each_restart() -> None:
    """The device needs the time for a health check."""
    device = restarted()
    receive(device, heartbeat(uptime=500), after=560)
    receive(device, heartbeat(uptime=20), after=600)
    receive(device, heartbeat(uptime=619), after=1200)
    assert active(device)
    receive(device, heartbeat(uptime=620), after=1201)
    assert not active(device)


def test_the_time_starts_again_after_a_timeout() -> None:
    """Alerts raised in the meantime were not received."""
    device = restarted()
    device.mark_offline(0)
    receive(device, heartbeat(uptime=700), after=760)
    receive(device, heartbeat(uptime=1299), after=1360)
    assert active(device)
    receive(device, heartbeat(uptime=1300), after=1361)
    assert not active(device)


def test_the_alert_timeout_does_not_run_while_disconnected() -> None:
    """Messages received by other ways report no alerts."""
    device = restarted()
    device.broker_disconnected()
    receive(device, heartbeat(uptime=5000), after=5050)
    assert active(device)
    device.broker_connected()
    receive(device, heartbeat(uptime=6000), after=6050)
    receive(device, heartbeat(uptime=6599), after=6649)
    assert active(device)
    receive(device, heartbeat(uptime=6600), after=6650)
    assert not active(device)


def test_a_restart_without_uptime_counts_from_the_next_one(online: Device) -> None:
    """The timeout starts with the first uptime."""
    online.close_after = 600
    boot = {"t": 1, "d0": 1, "d1": 0, "ts": 0, "up": 0}
    receive(online, heartbeat(recent_events=[]))
    receive(online, alert("FileManager", "WARNING"))
    receive(online, heartbeat(recent_events=[boot]), after=60)
    receive(online, heartbeat(uptime=600), after=700)
    assert active(online)
    receive(online, heartbeat(uptime=1200), after=1300)
    assert not active(online)


def test_what_closed_an_alert_is_known_until_the_next_one() -> None:
    """A new alert resets the cause; CLEARED does not."""
    device = restarted()
    receive(device, heartbeat(uptime=610), after=660)
    assert receive(device, alert("FileManager", "CLEARED"), after=661) == Change.NOTHING
    assert device.alerts.closed_by
    receive(device, alert("FileManager", "WARNING"), after=662)
    assert not device.alerts.closed_by


def test_a_closed_alert_is_known_to_be_over() -> None:
    """The subsystem of a closed alert is not unknown."""
    device = restarted()
    device.alerts.unknown |= {"FileManager"}
    receive(device, heartbeat(uptime=610), after=660)
    assert not device.alerts.unknown
