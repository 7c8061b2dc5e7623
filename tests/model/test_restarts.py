"""What restarts, and two devices on one id, look like (section 3)."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.restarts import (
    LOOP_RESTARTS,
    LOOP_SECONDS,
    MIX_SECONDS,
    UPTIME_JITTER,
)
from custom_components.vesper.protocol.codes import ResetReason
from tests.common import log_entry

from .strategies import DEVICE_ID, heartbeat

NOW = 1_800_000_000.0


class Heard:
    """A device that is heard, by when what speaks under its id has booted.

    Times are seconds after NOW.
    """

    def __init__(self) -> None:
        """Start with nothing heard."""
        self.device = Device(device_id=DEVICE_ID)
        self.restarted: list[float] = []

    def hear(self, at: float, boot: float, **fields: object) -> None:
        """Take in the heartbeat of a boot."""
        message = heartbeat(uptime=int(at - boot), **fields)
        if self.device.apply(message, live=True, now=NOW + at) & Change.RESTART:
            self.restarted.append(at)

    def restart(self, at: float, **fields: object) -> None:
        """Take in the first heartbeat of a new boot, and one before the next."""
        self.hear(at, at - 2, **fields)
        self.hear(at + 9, at - 2)

    def mixed(self, at: float) -> bool:
        """Tell whether two devices are heard."""
        return self.device.restarts.are_mixed(NOW + at)

    def loop(self, at: float) -> list[int]:
        """Return the reasons of a restart loop."""
        return [restart.reason for restart in self.device.restarts.loop(NOW + at)]


@pytest.fixture
def heard() -> Heard:
    """Return a device that nothing is known of."""
    return Heard()


# Restart loop


def test_restart_loop(heard: Heard) -> None:
    """So many restarts within an hour are one, until the first of them is older."""
    heard.hear(0, -50)
    for number in range(LOOP_RESTARTS):
        assert not heard.loop(LOOP_SECONDS)
        at = 600 * (number + 1)
        heard.restart(at, reset_reason=4 + number)
    assert heard.loop(600 * LOOP_RESTARTS) == [4, 5, 6, 7]
    assert heard.loop(600 + LOOP_SECONDS) == [4, 5, 6, 7]
    assert not heard.loop(600 + LOOP_SECONDS + 1)
    assert not heard.loop(599), "the clock was set back"

    heard.restart(4000, reset_reason=99)
    assert heard.loop(4000) == [5, 6, 7, 99], "the last ones count"


def test_restarts_too_rare_for_a_loop(heard: Heard) -> None:
    """One every twenty minutes is bad enough, but no loop."""
    heard.hear(0, -50)
    for at in range(1201, 30_000, 1201):
        heard.restart(at)
        assert not heard.loop(at)


def test_reason_that_is_not_told(heard: Heard) -> None:
    """Old firmware gives none."""
    heard.hear(0, -50)
    for at in range(100, 500, 100):
        heard.restart(at)
    assert heard.loop(500) == [ResetReason.UNDETERMINED] * LOOP_RESTARTS


# Two devices


@pytest.mark.parametrize("boots", [(-9000, -300), (-300, -9000), (-9000, -99, -300)])
def test_devices_in_turn(heard: Heard, boots: tuple[float, ...]) -> None:
    """They are told within three rounds, and make no restarts beyond the first."""
    rounds = 40
    for turn in range(rounds * len(boots)):
        heard.hear(turn * 30 / len(boots), boots[turn % len(boots)])
    end = rounds * 30
    assert len(heard.restarted) < len(boots)
    assert heard.mixed(end)
    assert not heard.loop(end)
    assert heard.mixed(end + MIX_SECONDS - 60)
    assert not heard.mixed(end + MIX_SECONDS + 1)


def test_two_devices_are_told_by_the_second_return(heard: Heard) -> None:
    """One return may be a late message, two may not."""
    for at, boot in [(0, -9000), (10, -5), (30, -9000), (40, -5)]:
        heard.hear(at, boot)
        assert not heard.mixed(at)
    heard.hear(60, -9000)
    assert heard.mixed(60)
    assert heard.restarted == [10]


def test_devices_with_logs_of_their_own(heard: Heard) -> None:
    """The boots in their logs are no restarts either."""
    for turn in range(20):
        boot = (-9000, -300)[turn % 2]
        log = [log_entry(1, 1, up=turn % 2), log_entry(2, turn)]
        heard.hear(15 * turn, boot, recent_events=log)
    assert heard.restarted == [15]


def test_second_device_that_restarts(heard: Heard) -> None:
    """A new boot of one of the two is a restart as ever."""
    for turn in range(6):
        heard.hear(15 * turn, (-9000, -300)[turn % 2])
    heard.hear(90, 80)
    assert heard.restarted == [15, 90]
    heard.hear(100, -300)
    heard.hear(110, 80)
    assert heard.restarted == [15, 90]


def test_returns_far_apart(heard: Heard) -> None:
    """Late messages once in a while are no second device."""
    heard.hear(0, -9000)
    heard.hear(30, 20)
    for at in range(60, 9000, MIX_SECONDS + 60):
        heard.hear(at, -9000)
        heard.hear(at + 1, 20)
        assert not heard.mixed(at + 1)
    assert heard.restarted == [30]


def test_late_message_of_the_boot_before(heard: Heard) -> None:
    """It is no restart, no second device, and leaves none to be seen after it."""
    heard.hear(0, -9000)
    heard.hear(30, 28)
    heard.hear(31, -9000 + UPTIME_JITTER)
    for at in range(60, 900, 30):
        heard.hear(at, 28)
        assert not heard.mixed(at)
    assert heard.restarted == [30]


def test_restart_after_a_return_is_seen(heard: Heard) -> None:
    """Who restarts all the time starts later each time, and is in a loop."""
    heard.hear(0, -9000)
    for at in range(20, 400, 20):
        heard.restart(at)
        assert not heard.mixed(at)
    assert heard.restarted == list(range(20, 400, 20))
    assert heard.loop(400)


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
    """However a clock is set, one device that restarts now and then stays one.

    It is set by hours and some, while boots lie at other distances.
    """
    heard = Heard()
    at, boot, clock = 0, -100, 0
    for step, restarts, hours in life:
        at += step
        if restarts:
            boot = at - 1
        clock += hours * 7200 + (hours != 0) * 3601
        heard.hear(at + clock, boot + clock)
        assert not heard.mixed(at + clock)


def test_clock_set_back_and_forth(heard: Heard) -> None:
    """The time of boot goes with it, yet no boot was left for another."""
    heard.hear(0, -100)
    for at in range(30, 900, 30):
        step = 3600 * (at // 30 % 2)
        heard.hear(at + step, -100 + step)
        assert not heard.mixed(at + step)
    assert not heard.restarted


# What else hangs on it


def test_heap_of_two_devices(heard: Heard) -> None:
    """What is free on one does not count as lost on the other."""
    device = heard.device
    for turn in range(200):
        first = turn % 2 == 0
        at = 15 * turn
        heap = 100_000 if first else 50_000
        heard.hear(at, -90_000 if first else -300, heap_free=heap, heap_min_free=heap)
        assert device.heap.seconds_left(device.uptime or 0) is None


def test_heap_of_the_boot_before(heard: Heard) -> None:
    """A restart gives all back, also where more is used than at the first sight."""
    device = heard.device
    for at in range(0, 4000, 100):
        heap = 100_000 - 10 * at
        heard.hear(at, -100, heap_free=heap, heap_min_free=heap)
    assert device.uptime is not None
    assert device.heap.seconds_left(device.uptime) == pytest.approx(6100, rel=0.05)
    heard.hear(4000, 3990, heap_free=50_000, heap_min_free=50_000)
    assert device.heap.seconds_left(device.uptime + 4000) is None


def test_kept_heartbeats_tell_of_no_heap(heard: Heard) -> None:
    """Nor do those without an uptime: there is no telling when they were."""
    device = heard.device
    for at in range(0, 4000, 100):
        heap = 100_000 - 10 * at
        kept = heartbeat(uptime=at, heap_free=heap, heap_min_free=heap)
        device.apply(kept, live=False, now=NOW + at)
        silent = heartbeat(heap_free=heap - 1, heap_min_free=heap - 1)
        device.apply(silent, live=True, now=NOW + at)
    assert device.heap.seconds_left(4000) is None
