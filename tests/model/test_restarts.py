"""Restarts, and two devices with one id (docs/protocol.md)."""

from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.restarts import (
    COUNTER_SECONDS,
    KEPT_RESTARTS,
    LOOP_RESTARTS,
    LOOP_SECONDS,
    SHARED_SECONDS,
    UPTIME_JITTER,
    Boot,
    Restarts,
    Stale,
)
from custom_components.vesper.model.telemetry import BOOT_TIME_JITTER
from custom_components.vesper.protocol.codes import ResetReason
from tests.common import log_entry
from tests.strategies import DEVICE_ID, heartbeat

NOW = 1_800_000_000.0


class Scenario:
    """A device, with heartbeats of several boots.

    Times are seconds after NOW.
    """

    def __init__(self) -> None:
        """Start without messages."""
        self.device = Device(device_id=DEVICE_ID)
        self.restarted: list[float] = []

    def receive(
        self, at: float, boot: float, *, jump: float = 0, **fields: Any
    ) -> None:
        """Apply the heartbeat of a boot.

        The wall clock has jumped by `jump` seconds.
        """
        message = heartbeat(uptime=int(at - boot), **fields)
        change = self.device.apply(
            message, live=True, now=NOW + at + jump, monotonic=at
        )
        if change & Change.RESTART:
            self.restarted.append(at)

    def restart(self, at: float, **fields: Any) -> None:
        """Apply the first two heartbeats of a new boot."""
        self.receive(at, at - 2, **fields)
        self.receive(at + 9, at - 2)

    def mixed(self, at: float) -> bool:
        """Return whether two devices with the id are detected."""
        return self.device.restarts.is_id_shared(NOW + at)

    def loop(self, at: float) -> list[int]:
        """Return the reasons of a restart loop."""
        return [restart.reason for restart in self.device.restarts.loop(NOW + at)]


@pytest.fixture
def scenario() -> Scenario:
    """Return a device without messages."""
    return Scenario()


# Restart loop


def test_restart_loop(scenario: Scenario) -> None:
    """Several restarts within an hour are a loop."""
    scenario.receive(0, -50)
    for number in range(LOOP_RESTARTS):
        assert not scenario.loop(LOOP_SECONDS)
        at = 600 * (number + 1)
        scenario.restart(at, reset_reason=4 + number)
    assert scenario.loop(600 * LOOP_RESTARTS) == [4, 5, 6, 7]
    assert scenario.loop(600 + LOOP_SECONDS) == [4, 5, 6, 7]
    assert not scenario.loop(600 + LOOP_SECONDS + 1)
    assert scenario.loop(600) == [4, 5, 6, 7], "the clock was set back"
    assert not scenario.loop(599), "the clock was set back further"

    scenario.restart(4000, reset_reason=99)
    assert scenario.loop(4000) == [4, 5, 6, 7, 99], "all of the hour count"
    assert scenario.loop(1200 + LOOP_SECONDS) == [5, 6, 7, 99]


def test_number_of_restarts_is_limited(scenario: Scenario) -> None:
    """The last restarts of a device are kept."""
    scenario.receive(0, -50)
    for number in range(KEPT_RESTARTS + 1):
        scenario.restart(60 * (number + 1), reset_reason=number)
    assert scenario.loop(60 * (KEPT_RESTARTS + 1)) == [*range(1, KEPT_RESTARTS + 1)]


def test_restarts_too_rare_for_a_loop(scenario: Scenario) -> None:
    """One every twenty minutes is no loop."""
    scenario.receive(0, -50)
    for at in range(1201, 30_000, 1201):
        scenario.restart(at)
        assert not scenario.loop(at)


def test_reason_that_is_not_reported(scenario: Scenario) -> None:
    """Old firmware reports none."""
    scenario.receive(0, -50)
    for at in range(100, 500, 100):
        scenario.restart(at)
    assert scenario.loop(500) == [ResetReason.UNDETERMINED] * LOOP_RESTARTS


# Two devices


@pytest.mark.parametrize("boots", [(-9000, -300), (-300, -9000), (-9000, -99, -300)])
def test_devices_in_turn(scenario: Scenario, boots: tuple[float, ...]) -> None:
    """Their shared id is detected, and no restart loop."""
    rounds = 40
    for turn in range(rounds * len(boots)):
        scenario.receive(turn * 30 / len(boots), boots[turn % len(boots)])
    end = rounds * 30
    assert len(scenario.restarted) < len(boots)
    assert scenario.mixed(end)
    assert not scenario.loop(end)
    assert scenario.mixed(end + SHARED_SECONDS - 60)
    assert not scenario.mixed(end + SHARED_SECONDS + 1)


def test_two_devices_are_detected_by_the_second_return(scenario: Scenario) -> None:
    """One return may be a late message."""
    for at, boot in [(0, -9000), (10, -5), (30, -9000), (40, -5)]:
        scenario.receive(at, boot)
        assert not scenario.mixed(at)
    scenario.receive(60, -9000)
    assert scenario.mixed(60)
    assert scenario.restarted == [10]


@pytest.mark.parametrize(("second", "is_mixed"), [(630, True), (631, False)])
def test_returns_within_ten_minutes(
    scenario: Scenario, second: int, *, is_mixed: bool
) -> None:
    """They are reported for ten more minutes."""
    for at, boot in [(0, -9000), (10, -5), (30, -9000), (40, -5), (second, -9000)]:
        scenario.receive(at, boot)
    assert scenario.mixed(second) is is_mixed
    assert scenario.mixed(second + 600) is is_mixed
    assert not scenario.mixed(second + 601)


def test_devices_with_logs_of_their_own(scenario: Scenario) -> None:
    """The boots in their logs are no restarts either."""
    for turn in range(20):
        boot = (-9000, -300)[turn % 2]
        log = [log_entry(1, 1, up=turn % 2), log_entry(2, turn)]
        scenario.receive(15 * turn, boot, recent_events=log)
    assert not scenario.restarted
    assert scenario.mixed(300)


def test_second_device_that_restarts(scenario: Scenario) -> None:
    """A new boot of either device is a restart."""
    for turn in range(6):
        scenario.receive(15 * turn, (-9000, -300)[turn % 2])
    scenario.receive(90, 80)
    assert scenario.restarted == [90]
    scenario.receive(100, -300)
    scenario.receive(110, 80)
    assert scenario.restarted == [90]


def test_returns_far_apart(scenario: Scenario) -> None:
    """Rare late messages are no second device."""
    scenario.receive(0, -9000)
    scenario.receive(30, 20)
    for at in range(60, 9000, SHARED_SECONDS + 60):
        scenario.receive(at, -9000)
        scenario.receive(at + 1, 20)
        assert not scenario.mixed(at + 1)
    assert scenario.restarted == [30]


def test_late_message_of_the_boot_before(scenario: Scenario) -> None:
    """It is neither a restart nor a second device."""
    scenario.receive(0, -9000)
    scenario.receive(30, 28)
    scenario.receive(31, -9000 + UPTIME_JITTER)
    for at in range(60, 900, 30):
        scenario.receive(at, 28)
        assert not scenario.mixed(at)
    assert scenario.restarted == [30]


def test_restart_after_a_return_is_seen(scenario: Scenario) -> None:
    """A restart loop is not taken for two devices."""
    scenario.receive(0, -9000)
    for at in range(20, 400, 20):
        scenario.restart(at)
        assert not scenario.mixed(at)
    assert scenario.restarted == list(range(20, 400, 20))
    assert scenario.loop(400)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 3000), st.sampled_from([0, 0, 0, 1]), st.integers(-7, 7)
        ),
        min_size=5,
        max_size=60,
    )
)
def test_steps_of_the_wall_clock(life: list[tuple[int, int, int]]) -> None:
    """No step of the clock suggests a second device.

    It is set by hours and some, while boots lie at other distances.
    """
    scenario = Scenario()
    at, boot, clock = 0, -100, 0
    for step, restarts, hours in life:
        at += step
        if restarts:
            boot = at - 1
        clock += hours * 7200 + (hours != 0) * 3601
        scenario.receive(at, boot, jump=clock)
        assert not scenario.mixed(at + clock)


def test_clock_set_back_and_forth(scenario: Scenario) -> None:
    """The time of boot moves with the clock."""
    scenario.receive(0, -100)
    for at in range(30, 900, 30):
        step = 3600 * (at // 30 % 2)
        scenario.receive(at, -100, jump=step)
        assert not scenario.mixed(at + step)
    assert not scenario.restarted


# Effects on the heap trend


def test_heap_of_two_devices(scenario: Scenario) -> None:
    """The heaps of two devices are not compared."""
    device = scenario.device
    for turn in range(200):
        first = turn % 2 == 0
        at = 15 * turn
        heap = 100_000 if first else 50_000
        scenario.receive(
            at, -90_000 if first else -300, heap_free=heap, heap_min_free=heap
        )
        assert device.heap_trend.seconds_left(device.restarts.uptime or 0) is None


def test_heap_of_the_boot_before(scenario: Scenario) -> None:
    """A restart starts a new series of samples."""
    device = scenario.device
    for at in range(0, 4000, 100):
        heap = 100_000 - 10 * at
        scenario.receive(at, -100, heap_free=heap, heap_min_free=heap)
    assert device.restarts.uptime is not None
    assert device.heap_trend.seconds_left(device.restarts.uptime) == pytest.approx(
        6100, rel=0.05
    )
    scenario.receive(4000, 3990, heap_free=50_000, heap_min_free=50_000)
    assert device.heap_trend.seconds_left(device.restarts.uptime + 4000) is None


def test_retained_heartbeats_are_no_samples(scenario: Scenario) -> None:
    """Heartbeats without an uptime are no samples either."""
    device = scenario.device
    for at in range(0, 4000, 100):
        heap = 100_000 - 10 * at
        retained = heartbeat(uptime=at, heap_free=heap, heap_min_free=heap)
        device.apply(retained, live=False, now=NOW + at)
        untimed = heartbeat(heap_free=heap - 1, heap_min_free=heap - 1)
        device.apply(untimed, live=True, now=NOW + at)
    assert device.heap_trend.seconds_left(4000) is None


# Comparing one heartbeat with the last one


@pytest.mark.parametrize(
    ("uptime", "after", "boot_logged", "boot"),
    [
        pytest.param(1030, 30, False, Boot.SAME, id="went-on"),
        pytest.param(1030, 30, True, Boot.SAME, id="boot-logged-late"),
        pytest.param(1000, 30, False, Boot.SAME, id="repeated"),
        pytest.param(35, 30, False, Boot.NEW, id="fell"),
        pytest.param(1000, 1006, False, Boot.NEW, id="too-little"),
        pytest.param(1000, 1005, False, Boot.SAME, id="too-little-within-jitter"),
        pytest.param(2000, 2000, False, Boot.NEW, id="began-again"),
        pytest.param(2000, 2000, True, Boot.NEW, id="began-again-and-logged"),
        pytest.param(2000, 1900, False, Boot.SAME, id="delayed"),
        pytest.param(2000, 1900, True, Boot.NEW, id="boot-logged"),
        pytest.param(9000, 30, False, Boot.SAME, id="more-than-there-was-time-for"),
        pytest.param(9000, 30, True, Boot.NEW, id="another-device"),
        pytest.param(None, 30, False, Boot.SAME, id="no-uptime"),
        pytest.param(None, 30, True, Boot.NEW, id="no-uptime-boot-logged"),
    ],
)
@pytest.mark.parametrize("jump", [-86_400, 0, 86_400])
def test_boot_of_a_heartbeat(
    uptime: int | None, after: float, boot: Boot, jump: float, *, boot_logged: bool
) -> None:
    """The last heartbeat had an uptime of 1000 seconds."""
    restarts = Restarts(has_clock=True)
    restarts.update(1000, NOW, 0, Boot.SAME)
    found = restarts.detect_boot(
        uptime,
        NOW + after + jump,
        after,
        changed=True,
        boot_logged=boot_logged,
    )
    assert found is boot


@pytest.mark.parametrize("late", [BOOT_TIME_JITTER, BOOT_TIME_JITTER + 1])
def test_boot_time_that_moved(late: int) -> None:
    """A boot time that is later shows a restart."""
    restarts = Restarts(uptime=10, started=NOW - 10)
    found = restarts.detect_boot(
        30, NOW + 20 + late, 0, changed=False, boot_logged=False
    )
    assert found is (Boot.NEW if late > BOOT_TIME_JITTER else Boot.SAME)


@pytest.mark.parametrize("boot_logged", [True, False])
@pytest.mark.parametrize("early", [BOOT_TIME_JITTER, BOOT_TIME_JITTER + 1])
def test_more_uptime_than_there_was_time(early: int, *, boot_logged: bool) -> None:
    """Only with a logged boot is it another device.

    Else the clock was set back.
    """
    restarts = Restarts(uptime=1000, started=NOW - 1000)
    uptime = 1030 + early
    assert restarts.detect_stale(uptime, NOW + 30, 0) is None
    found = restarts.detect_boot(
        uptime, NOW + 30, 0, changed=True, boot_logged=boot_logged
    )
    is_new = boot_logged and early > BOOT_TIME_JITTER
    assert found is (Boot.NEW if is_new else Boot.SAME)


def test_queue_that_is_delivered_late() -> None:
    """Heartbeats delivered late are of the same boot."""
    restarts = Restarts()
    restarts.update(10_000, NOW, 0, Boot.SAME)
    for uptime in (10_030, 10_060, 10_300, 10_330):
        at = max(300, uptime - 10_000)
        assert restarts.detect_stale(uptime, NOW + at, at) is None
        found = restarts.detect_boot(
            uptime, NOW + at, at, changed=True, boot_logged=False
        )
        assert found is Boot.SAME
        restarts.update(uptime, NOW + at, at, found)


def test_earlier_boot_returns() -> None:
    """Each of two boots may be current again."""
    restarts = Restarts()
    restarts.update(9000, NOW, 0, Boot.SAME)
    restarts.record(NOW + 30, 30, None)
    restarts.update(5, NOW + 30, 30, Boot.NEW)
    for at, uptime in [(60, 9060), (70, 45), (90, 9090)]:
        assert restarts.detect_stale(uptime, NOW + at, at) is None
        found = restarts.detect_boot(
            uptime, NOW + at, at, changed=True, boot_logged=True
        )
        assert found is Boot.EARLIER
        restarts.update(uptime, NOW + at, at, found)
    assert restarts.is_id_shared(NOW + 90)


@pytest.mark.parametrize(("earlier", "is_remembered"), [(3, True), (4, False)])
def test_earlier_boots_are_remembered(
    scenario: Scenario, earlier: int, *, is_remembered: bool
) -> None:
    """Three of them are remembered."""
    scenario.receive(0, -9000)
    restarts = [100 * (number + 1) for number in range(earlier)]
    for at in restarts:
        scenario.receive(at, at - 2)
    assert scenario.restarted == restarts
    for step in (20, 40):
        scenario.receive(restarts[-1] + step, -9000)
        scenario.receive(restarts[-1] + step + 10, restarts[-1] - 2)
    assert scenario.mixed(restarts[-1] + 50) is is_remembered
    assert scenario.restarted == restarts


# Late heartbeats


@pytest.mark.parametrize(
    ("uptime", "stale"),
    [(UPTIME_JITTER, None), (UPTIME_JITTER + 1, Stale.LATE)],
)
def test_clock_set_back_meanwhile(uptime: int, stale: Stale | None) -> None:
    """No time has passed then."""
    restarts = Restarts(uptime=1000, started=NOW - 1000)
    assert restarts.detect_stale(uptime, NOW - 100, 0) is stale


@pytest.mark.parametrize(
    ("elapsed", "early", "is_late"),
    [
        pytest.param(30, 60, False, id="a-minute"),
        pytest.param(30, 61, True, id="more-than-a-minute"),
        pytest.param(6000, 60, False, id="a-hundredth-is-no-more"),
        pytest.param(6000, 61, True, id="more-than-both"),
        pytest.param(20_000, 200, False, id="a-hundredth"),
        pytest.param(20_000, 201, True, id="more-than-a-hundredth"),
    ],
)
def test_too_much_uptime(elapsed: int, early: int, *, is_late: bool) -> None:
    """It is late, unless clocks drift by so much."""
    restarts = Restarts()
    restarts.update(1000, NOW, 0, Boot.SAME)
    uptime = 1000 + elapsed + early
    stale = restarts.detect_stale(uptime, NOW + elapsed, elapsed)
    assert stale is (Stale.LATE if is_late else None)


def test_device_that_is_late_at_first(scenario: Scenario) -> None:
    """A device that stays late has restarted.

    The wall clock was wrong while Home Assistant did not run.
    """
    scenario.device.restarts = Restarts(uptime=9000, started=NOW - 9000)
    scenario.receive(1, -500)
    assert scenario.device.message_log.stale == {Stale.LATE: 1}
    assert not scenario.restarted
    scenario.receive(31, -500)
    assert scenario.restarted == [31]
    assert not scenario.mixed(31)


def test_queue_of_late_messages(scenario: Scenario) -> None:
    """Late messages show no boot, however many come."""
    scenario.receive(0, -9000)
    for number in range(10):
        for _ in range(2):
            scenario.receive(1, -9000 + 400 - 30 * number)
    assert scenario.device.message_log.stale == {Stale.LATE: 20}
    assert not scenario.restarted
    assert not scenario.mixed(1)


# The counter of milliseconds


@pytest.mark.parametrize("elapsed", [30, 3600, 86_400])
@pytest.mark.parametrize(
    ("late", "boot_logged", "boot"),
    [
        (0, False, Boot.OVERRUN),
        (UPTIME_JITTER - 1, False, Boot.OVERRUN),
        (0, True, Boot.NEW),
        (-1000, False, Boot.NEW),
    ],
)
def test_counter_that_ran_over(
    elapsed: int, late: int, boot: Boot, *, boot_logged: bool
) -> None:
    """An overrun is no restart unless one is logged.

    The counter begins again at 0 after 49.7 days.
    """
    uptime = 20
    last = int(COUNTER_SECONDS) - elapsed + uptime - late
    restarts = Restarts()
    restarts.update(last, NOW, 0, Boot.SAME)
    assert restarts.detect_stale(uptime, NOW + elapsed, elapsed) is None
    found = restarts.detect_boot(
        uptime,
        NOW + elapsed,
        elapsed,
        changed=False,
        boot_logged=boot_logged,
    )
    assert found is boot
