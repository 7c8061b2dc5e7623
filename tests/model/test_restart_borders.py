"""Where the rules of restarts and late heartbeats begin."""

import pytest

from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.restarts import (
    COUNTER_SECONDS,
    Boot,
    Restarts,
    Stale,
)
from tests.strategies import alert, heartbeat, info

from .common import NOW, receive, replay


@pytest.fixture
def restarts() -> Restarts:
    """Return a device with an uptime of 9000 seconds."""
    restarts = Restarts()
    restarts.update(9000, NOW, 0, Boot.SAME)
    return restarts


def stale(restarts: Restarts, at: float, boot: float) -> Stale | None:
    """Return why a heartbeat of a boot is stale."""
    return restarts.detect_stale(round(at - boot), NOW + at, at)


def detected(
    restarts: Restarts, at: float, boot: float, *, boot_logged: bool = False
) -> Boot:
    """Return which boot a heartbeat with changes belongs to."""
    return restarts.detect_boot(
        round(at - boot), NOW + at, at, changed=True, boot_logged=boot_logged
    )


def restart(restarts: Restarts, at: float) -> None:
    """Let the device restart a second before."""
    restarts.record(NOW + at, at, None)
    restarts.update(1, NOW + at, at, Boot.NEW)


# Two late heartbeats


@pytest.mark.parametrize(
    ("more", "later", "is_late"),
    [
        pytest.param(6, 0, False, id="one-boot"),
        pytest.param(5, 0, True, id="hardly-more-uptime"),
        pytest.param(6, 5, False, id="five-seconds-later"),
        pytest.param(20, -5, False, id="five-seconds-earlier"),
        pytest.param(6, 6, True, id="six-seconds-later"),
        pytest.param(20, -6, True, id="six-seconds-earlier"),
    ],
)
def test_boot_that_continues(
    restarts: Restarts, more: int, later: int, *, is_late: bool
) -> None:
    """The second has the same boot and more uptime."""
    assert stale(restarts, at=1, boot=-500) is Stale.LATE
    boot = -500 + later
    found = stale(restarts, at=1 + later + more, boot=boot)
    assert found is (Stale.LATE if is_late else None)


@pytest.mark.parametrize(("between", "is_late"), [(2, False), (3, True)])
def test_late_heartbeats_between(
    restarts: Restarts, between: int, *, is_late: bool
) -> None:
    """The last three late ones are compared."""
    boots = [-500, *range(-1000, -1000 - 100 * between, -100)]
    for number, boot in enumerate(boots):
        assert stale(restarts, at=number, boot=boot) is Stale.LATE
    assert stale(restarts, at=30, boot=-500) is (Stale.LATE if is_late else None)


def test_late_again_after_it_has_continued(restarts: Restarts) -> None:
    """Later it takes two late heartbeats again."""
    assert stale(restarts, at=1, boot=-500) is Stale.LATE
    assert stale(restarts, at=31, boot=-500) is None
    assert detected(restarts, at=31, boot=-500) is Boot.NEW
    restarts.record(NOW + 31, 31, None)
    restarts.update(531, NOW + 31, 31, Boot.NEW)
    # Until three later boots are remembered instead.
    for at in (100, 200, 300, 400):
        restart(restarts, at)
    assert stale(restarts, at=500, boot=-500) is Stale.LATE
    assert stale(restarts, at=530, boot=-500) is None


# Earlier boots


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("off", [5, 6])
def test_time_of_an_earlier_boot(restarts: Restarts, off: int, sign: int) -> None:
    """It is the same boot within five seconds."""
    restart(restarts, 30)
    boot = -9000 + off * sign
    if off == 6:
        assert stale(restarts, at=60, boot=boot) is Stale.LATE
    else:
        assert stale(restarts, at=60, boot=boot) is None
        assert detected(restarts, at=60, boot=boot) is Boot.EARLIER


def test_two_devices_that_started_together() -> None:
    """Within five seconds, they seem to restart."""
    restarts = Restarts()
    restarts.update(10, NOW + 10, 10, Boot.SAME)
    assert detected(restarts, at=11, boot=5) is Boot.NEW
    restarts.record(NOW + 11, 11, None)
    restarts.update(6, NOW + 11, 11, Boot.NEW)
    assert detected(restarts, at=12, boot=0) is Boot.SAME
    restarts.update(12, NOW + 12, 12, Boot.SAME)
    assert detected(restarts, at=13, boot=5) is Boot.NEW


# A boot in the log


@pytest.mark.parametrize(
    ("at", "boot", "found"),
    [
        pytest.param(30, 5, Boot.SAME, id="five-seconds-later"),
        pytest.param(30, 6, Boot.NEW, id="six-seconds-later"),
        pytest.param(0, 0, Boot.NEW, id="the-same-uptime"),
        pytest.param(5, 5, Boot.NEW, id="the-same-uptime-again"),
    ],
)
def test_boot_that_is_logged(
    restarts: Restarts, at: int, boot: int, found: Boot
) -> None:
    """It is old only if uptimes show one boot."""
    assert detected(restarts, at, boot - 9000, boot_logged=True) is found


@pytest.mark.parametrize(("early", "found"), [(100, Boot.SAME), (101, Boot.NEW)])
def test_boot_that_is_logged_with_more_uptime(
    restarts: Restarts, early: int, found: Boot
) -> None:
    """Clocks drift by a hundredth."""
    assert detected(restarts, 10_000, -9000 - early, boot_logged=True) is found


# An uptime that has grown


@pytest.mark.parametrize(
    ("last", "uptime", "found"),
    [
        pytest.param(200, 10_005, Boot.NEW, id="five-seconds-more-than-passed"),
        pytest.param(200, 10_006, Boot.SAME, id="six-seconds-more-than-passed"),
        pytest.param(100, 10_000, Boot.SAME, id="a-hundredth-later"),
        pytest.param(101, 10_000, Boot.NEW, id="more-than-a-hundredth-later"),
    ],
)
def test_began_again(last: int, uptime: int, found: Boot) -> None:
    """The time of boot is later than drift explains."""
    restarts = Restarts()
    restarts.update(last, NOW, 0, Boot.SAME)
    assert detected(restarts, at=10_000, boot=10_000 - uptime) is found


@pytest.mark.parametrize(
    ("more", "found"), [(5, Boot.OVERRUN), (6, Boot.NEW), (-5, Boot.OVERRUN)]
)
def test_overrun_within_five_seconds(more: int, found: Boot) -> None:
    """The counter begins again with the value that follows."""
    restarts = Restarts()
    last = round(COUNTER_SECONDS) - 30
    restarts.update(last, NOW, 0, Boot.SAME)
    at = COUNTER_SECONDS - last + 20
    assert detected(restarts, at, boot=at - 20 - more) is found


# What is remembered


def test_lower_uptime_of_another_device(restarts: Restarts) -> None:
    """It does not show that uptimes grow."""
    restarts.update(500, NOW + 10, 10, Boot.EARLIER)
    assert restarts.detect_stale(500, NOW + 40, 40) is None
    restarts.update(530, NOW + 70, 70, Boot.SAME)
    assert restarts.detect_stale(530, NOW + 100, 100) is Stale.REPLAYED


@pytest.mark.parametrize(("now", "found"), [(205, Boot.SAME), (206, Boot.NEW)])
def test_no_start_is_stored(now: float, found: Boot) -> None:
    """It counts as 1970."""
    restarts = Restarts(uptime=100, has_clock=True)
    boot = restarts.detect_boot(100, now, 0, changed=False, boot_logged=False)
    assert boot is found


# Alerts from before a restart


def closes(device: Device, first: int, last: int, *, boot: int) -> bool:
    """Return whether heartbeats close an alert."""
    return any(
        receive(device, heartbeat(uptime=at - boot), after=at) & Change.ALERT_CLOSED
        for at in range(first, last + 1, 30)
    )


@pytest.fixture
def alerting(device: Device) -> Device:
    """Return a device with an alert, which closes alerts."""
    device.close_after = 600
    receive(device, heartbeat(uptime=9000))
    receive(device, alert("SD", "WARNING"))
    return device


def test_earlier_boot_keeps_its_alerts(alerting: Device) -> None:
    """The restart was that of another device."""
    receive(alerting, heartbeat(uptime=2), after=30)
    assert alerting.alerts.unconfirmed_since_restart == {"SD"}
    assert not closes(alerting, 60, 3000, boot=-9000)
    assert alerting.alerts.active.keys() == {"SD"}


def test_counter_that_overruns_after_a_restart(alerting: Device) -> None:
    """The alerts from before the restart are still closed."""
    # It restarted while no message arrived, and the end of its counter was near.
    overrun = 50_000 + round(COUNTER_SECONDS)
    uptime = round(COUNTER_SECONDS) - 20
    receive(alerting, heartbeat(uptime=uptime), after=overrun - 20)
    assert alerting.alerts.unconfirmed_since_restart == {"SD"}
    assert closes(alerting, overrun + 10, overrun + 1200, boot=overrun)


def test_alerts_of_a_device_that_was_replaced(alerting: Device) -> None:
    """They are not confirmed, however long the other runs."""
    assert receive(alerting, heartbeat(uptime=500), after=10) == Change.STALE
    assert receive(alerting, heartbeat(uptime=530), after=40) & Change.RESTART
    assert alerting.alerts.unconfirmed_since_restart == {"SD"}


@pytest.mark.parametrize(("seconds", "is_closed"), [(0, False), (1, True)])
def test_shortest_time_until_alerts_are_closed(
    alerting: Device, seconds: int, *, is_closed: bool
) -> None:
    """One second is some; zero is never."""
    alerting.close_after = seconds
    receive(alerting, heartbeat(uptime=2), after=30)
    assert closes(alerting, 60, 120, boot=28) is is_closed


@pytest.fixture
def shared(alerting: Device) -> Device:
    """Return a device whose id is shared."""
    for at, uptime in [(10, 5), (30, 9030), (40, 35), (60, 9060)]:
        receive(alerting, heartbeat(uptime=uptime), after=at)
    assert alerting.restarts.is_id_shared(NOW + 60)
    return alerting


def test_no_alert_is_closed_while_an_id_is_shared(shared: Device) -> None:
    """It may be an alert of the other device."""
    shared.close_after = 60
    assert receive(shared, heartbeat(uptime=2), after=70) & Change.RESTART
    assert shared.alerts.unconfirmed_since_restart == {"SD"}
    assert not closes(shared, 90, 660, boot=68)
    assert closes(shared, 690, 750, boot=68)


def test_retained_heartbeat_of_a_shared_id(shared: Device) -> None:
    """There is one, so its values do not alternate."""
    receive(shared, heartbeat(uptime=9070, firmware_version="1.0.0"), after=70)
    assert shared.telemetry.firmware_version is None
    replay(shared, heartbeat(uptime=9070, firmware_version="1.0.0"), after=80)
    assert shared.telemetry.firmware_version == "1.0.0"


# The heap and playback


def test_heap_of_the_device_that_is_back(device: Device) -> None:
    """It is not compared with that of the other."""
    receive(device, heartbeat(uptime=9000, heap_min_free=50_000))
    receive(device, heartbeat(uptime=2, heap_min_free=100_000), after=30)
    receive(device, heartbeat(uptime=9060, heap_min_free=50_000), after=60)
    assert device.heap_trend.seconds_left(9060) is None


@pytest.mark.parametrize(("at", "playing"), [(24, False), (25, True)])
def test_playback_right_before_a_boot(
    online: Device, at: int, *, playing: bool
) -> None:
    """Within five seconds it may be the new boot's."""
    receive(online, info("playback_started", melody_uid="A"), after=at)
    assert receive(online, heartbeat(uptime=10), after=40) & Change.RESTART
    assert online.playback.playing is playing
