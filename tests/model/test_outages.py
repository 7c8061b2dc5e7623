"""Outages of the fleet, and single offline devices."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.outages import (
    MAINTENANCE_DELAY,
    MIN_LOST,
    Outages,
)

TIMEOUT = 90.0

#: When it begins, in seconds since 1970.
NOW = 1_900_000_000.0


class Fleet:
    """Devices that are online or offline, and their outages."""

    def __init__(self, online: int) -> None:
        """Start with so many online devices, named by number."""
        self.outages = Outages(TIMEOUT)
        self.online = {str(number) for number in range(online)}

    def go_offline(self, *numbers: int, now: float = 0.0) -> None:
        """Mark devices as offline."""
        for number in numbers:
            self.outages.went_offline(str(number), now, len(self.online))
            self.online.discard(str(number))

    def alone(self, now: float) -> list[str]:
        """Return the devices reported as offline alone by now."""
        found = []
        while (device_id := self.outages.pop_alone(now)) is not None:
            found.append(device_id)
        return found


@pytest.mark.parametrize(
    ("online", "offline"),
    [(3, 3), (4, 3), (5, 3), (6, 4), (7, 4), (1000, 501), (1000, 1000)],
)
def test_most_of_the_fleet_is_an_outage(online: int, offline: int) -> None:
    """More than half, and at least three."""
    fleet = Fleet(online)
    fleet.go_offline(*range(offline))
    outage = fleet.outages.start_outage(1.0, NOW)
    assert outage is not None
    assert (outage.lost, outage.online_before) == (offline, online)
    assert (outage.started, outage.since) == (0.0, NOW - 1)
    assert fleet.outages.start_outage(1.0, NOW) is None, "it has been found"
    assert fleet.alone(1000.0) == []
    assert fleet.outages.next_deadline(0.0) is None
    fleet.outages.went_offline("later", 1000.0, 1)
    assert fleet.outages.next_deadline(0.0) is None, (
        "it waits for the end of the outage"
    )


@pytest.mark.parametrize("online", [1, 2, 6, 10, 1000])
def test_half_of_the_fleet_is_none(online: int) -> None:
    """Each device is reported alone after a timeout."""
    fleet = Fleet(online)
    offline = [*range(max(1, online // 2))]
    fleet.go_offline(*offline)
    assert fleet.outages.start_outage(1.0, NOW) is None
    assert fleet.alone(TIMEOUT - 1) == []
    assert fleet.outages.next_deadline(0.0) == TIMEOUT
    assert fleet.alone(TIMEOUT) == [str(number) for number in offline]
    assert fleet.alone(TIMEOUT) == []
    assert fleet.outages.next_deadline(0.0) is None


def test_two_are_none() -> None:
    """In a fleet of any size."""
    assert MIN_LOST == 3
    fleet = Fleet(2)
    fleet.go_offline(0, 1)
    assert fleet.outages.start_outage(1.0, NOW) is None


def test_within_one_timeout() -> None:
    """A device that went offline earlier is reported singly."""
    fleet = Fleet(4)
    fleet.go_offline(0, now=0.0)
    fleet.go_offline(1, now=89.0)
    fleet.go_offline(2, now=90.0)
    assert fleet.outages.start_outage(90.0, NOW) is None
    assert fleet.alone(90.0) == ["0"]
    fleet.go_offline(3, now=91.0)
    outage = fleet.outages.start_outage(91.0, NOW)
    assert outage is not None
    assert (outage.lost, outage.online_before) == (3, 3)


def test_a_device_that_is_back_is_not_lost() -> None:
    """It is not reported either."""
    fleet = Fleet(4)
    fleet.go_offline(0, 1)
    fleet.outages.came_online("0", 0.5)
    fleet.go_offline(2, now=1.0)
    assert fleet.outages.start_outage(1.0, NOW) is None
    assert fleet.alone(91.0) == ["1", "2"]


def test_new_devices_do_not_count() -> None:
    """Only devices online at the first timeout count."""
    fleet = Fleet(4)
    fleet.go_offline(0)
    fleet.online |= {"new", "newer", "newest"}
    fleet.go_offline(1, 2, now=1.0)
    outage = fleet.outages.start_outage(1.0, NOW)
    assert outage is not None
    assert outage.online_before == 4


def test_a_device_that_was_not_online_is_not_lost() -> None:
    """It is reported at once."""
    fleet = Fleet(0)
    for number in range(10):
        fleet.outages.went_offline(str(number), 0.0, None)
    assert fleet.outages.start_outage(0.0, NOW) is None
    assert len(fleet.alone(0.0)) == 10


def test_those_that_follow_are_lost_too() -> None:
    """Within the same timeout from the first device."""
    fleet = Fleet(5)
    fleet.go_offline(0, 1, 2)
    outage = fleet.outages.start_outage(1.0, NOW)
    assert outage is not None
    fleet.go_offline(3, now=89.0)
    fleet.go_offline(4, now=90.0)
    assert outage.lost == 4
    assert fleet.alone(1000.0) == [], "the last one has to wait"
    for number in (0, 1):
        fleet.outages.came_online(str(number), 1000.0)
    assert fleet.outages.end_outage(1000.0 + TIMEOUT) is outage
    assert fleet.alone(1000.0) == ["4"]


def test_most_of_them_are_lost_again() -> None:
    """Then it goes on."""
    fleet = Fleet(10)
    fleet.go_offline(*range(10))
    outage = fleet.outages.start_outage(0.0, NOW)
    assert outage is not None
    for number in range(5):
        fleet.outages.came_online(str(number), 10.0)
    assert fleet.outages.next_deadline(10.0) == 10.0 + TIMEOUT
    fleet.go_offline(0, now=20.0)
    assert fleet.outages.next_deadline(20.0) is None


def test_one_timeout_after_half_of_them_are_back() -> None:
    """The others are still offline and not reported again."""
    fleet = Fleet(5)
    fleet.go_offline(*range(5))
    outage = fleet.outages.start_outage(0.0, NOW)
    assert outage is not None
    fleet.outages.came_online("0", 100.0)
    fleet.outages.came_online("unknown", 101.0)
    fleet.outages.came_online("1", 102.0)
    assert fleet.outages.end_outage(1000.0) is None
    fleet.outages.came_online("2", 200.0)
    fleet.outages.came_online("3", 220.0)
    fleet.outages.came_online("3", 230.0)
    assert fleet.outages.end_outage(200.0 + TIMEOUT - 1) is None
    assert fleet.outages.end_outage(200.0 + TIMEOUT) is outage
    assert (outage.offline, outage.lost, outage.seconds) == ({"4"}, 5, 200)
    assert fleet.outages.current is None
    assert fleet.outages.end_outage(1000.0) is None
    fleet.outages.came_online("4", 400.0)
    assert fleet.alone(1000.0) == []


def test_all_back_end_it_at_once() -> None:
    """It has lasted until half of them were back."""
    fleet = Fleet(3)
    fleet.go_offline(0, 1, 2)
    outage = fleet.outages.start_outage(0.0, NOW)
    assert outage is not None
    for number in range(3):
        assert fleet.outages.end_outage(50.0) is None
        fleet.outages.came_online(str(number), 50.0 + number)
    assert fleet.outages.end_outage(52.0) is outage
    assert (outage.offline, outage.seconds) == (set(), 51)


def test_a_device_that_goes_offline_again_in_the_window() -> None:
    """It is lost once, and the end waits."""
    fleet = Fleet(4)
    fleet.go_offline(*range(4))
    outage = fleet.outages.start_outage(0.0, NOW)
    assert outage is not None
    fleet.outages.came_online("0", 10.0)
    fleet.outages.came_online("1", 10.0)
    fleet.go_offline(0, now=20.0)
    assert fleet.outages.end_outage(10.0 + TIMEOUT) is None
    assert outage.lost == 4
    fleet.outages.came_online("2", 500.0)
    assert fleet.outages.end_outage(500.0 + TIMEOUT - 1) is None
    assert fleet.outages.end_outage(500.0 + TIMEOUT) is outage


def test_at_least_half_stay_back() -> None:
    """One lost again does not delay the end."""
    fleet = Fleet(4)
    fleet.go_offline(*range(4))
    outage = fleet.outages.start_outage(0.0, NOW)
    assert outage is not None
    for number in range(3):
        fleet.outages.came_online(str(number), 10.0)
    fleet.go_offline(0, now=20.0)
    assert outage.offline == {"0", "3"}
    assert fleet.outages.end_outage(10.0 + TIMEOUT - 1) is None
    assert fleet.outages.end_outage(10.0 + TIMEOUT) is outage


def test_it_grows_after_a_restart() -> None:
    """How many were online is not known."""
    outages = Outages(TIMEOUT)
    known = {"0", "1", "2"}
    outages.restore(NOW - 600, known, now=50.0, wall_clock=NOW)
    for online, device_id in enumerate("345"):
        outages.went_offline(device_id, 60.0, 3 - online)
    outage = outages.start_outage(60.0, NOW + 10)
    assert outage is not None
    assert outage is outages.current
    assert (outage.lost, outage.online_before) == (6, None)


def test_a_device_that_goes_offline_again_later() -> None:
    """It is alone, once the outage is over."""
    fleet = Fleet(4)
    fleet.go_offline(*range(4))
    outage = fleet.outages.start_outage(0.0, NOW)
    assert outage is not None
    fleet.outages.came_online("0", 100.0)
    fleet.online.add("0")
    fleet.go_offline(0, now=200.0)
    assert fleet.outages.start_outage(200.0, NOW + 200) is None
    assert outage.offline == {"1", "2", "3"}
    fleet.outages.came_online("1", 500.0)
    assert fleet.outages.end_outage(500.0 + TIMEOUT) is outage
    assert fleet.alone(1000.0) == ["0"]


def test_most_of_the_others_are_lost_too() -> None:
    """The outage grows, and is found again."""
    fleet = Fleet(12)
    fleet.go_offline(*range(7))
    outage = fleet.outages.start_outage(0.0, NOW)
    assert outage is not None
    outage.added.clear()
    fleet.outages.came_online("0", 100.0)
    fleet.online.add("0")
    fleet.go_offline(0, 7, 8, now=300.0)
    assert fleet.outages.start_outage(300.0, NOW + 300) is None, "half of six"
    fleet.go_offline(9, now=310.0)
    assert fleet.outages.start_outage(310.0, NOW + 310) is outage
    assert outage.added == {"0", "7", "8", "9"}
    assert outage.known == outage.offline == {str(number) for number in range(10)}
    assert (outage.lost, outage.online_before) == (10, 12)
    assert (outage.started, outage.since) == (0.0, NOW)
    fleet.go_offline(10, now=300.0 + TIMEOUT - 1)
    assert outage.lost == 11
    fleet.go_offline(11, now=300.0 + TIMEOUT)
    assert outage.lost == 11, "the window is over"


def test_it_grows_while_it_ends() -> None:
    """The end begins anew."""
    fleet = Fleet(6)
    fleet.go_offline(*range(6))
    outage = fleet.outages.start_outage(0.0, NOW)
    assert outage is not None
    for number in range(4):
        fleet.outages.came_online(str(number), 100.0)
        fleet.online.add(str(number))
    fleet.go_offline(0, 1, 2, now=150.0)
    assert fleet.outages.start_outage(150.0, NOW + 150) is outage
    assert fleet.outages.end_outage(1000.0) is None
    assert (outage.lost, outage.online_before) == (5, 6)


def test_removed_devices_are_not_waited_for() -> None:
    """Without remaining devices it ends with the same count."""
    fleet = Fleet(3)
    fleet.go_offline(0, 1, 2)
    outage = fleet.outages.start_outage(0.0, NOW)
    assert outage is not None
    fleet.outages.discard("0", 1.0)
    fleet.outages.discard("1", 2.0)
    assert fleet.outages.end_outage(2.0) is None
    fleet.outages.discard("2", 3.0)
    fleet.outages.discard("2", 4.0)
    assert fleet.outages.end_outage(4.0) is outage
    assert outage.lost == 3


def test_resumed_after_a_restart() -> None:
    """Only the lost devices are known."""
    outages = Outages(TIMEOUT)
    known = {"0", "1", "2"}
    outages.restore(NOW - 600, known, now=50.0, wall_clock=NOW)
    outage = outages.current
    assert outage is not None
    assert (outage.lost, outage.online_before, outage.since) == (3, None, NOW - 600)
    assert outages.next_deadline(0.0) is None
    outages.went_offline("other", 60.0, 5)
    assert outage.lost == 3, "its window is over"
    outages.came_online("0", 65.0)
    assert outages.end_outage(65.0 + TIMEOUT) is None
    outages.came_online("1", 70.0)
    assert outages.end_outage(70.0 + TIMEOUT) is outage
    assert outage.seconds == 620


def test_resumed_within_its_window() -> None:
    """Those that go offline in it are lost too."""
    outages = Outages(TIMEOUT)
    outages.restore(NOW - 10, {"0", "1", "2"}, now=50.0, wall_clock=NOW)
    outage = outages.current
    assert outage is not None
    outages.went_offline("3", 40.0 + TIMEOUT - 1, 5)
    outages.went_offline("4", 40.0 + TIMEOUT, 5)
    assert (outage.lost, outage.known) == (4, {"0", "1", "2", "3"})


def test_resumed_after_the_clock_was_set_back() -> None:
    """It begins with the restart."""
    outages = Outages(TIMEOUT)
    outages.restore(NOW + 5, {"0"}, now=50.0, wall_clock=NOW)
    outages.came_online("0", 50.0)
    outage = outages.end_outage(50.0)
    assert outage is not None
    assert outage.seconds == 0


def test_a_removed_device_is_not_reported() -> None:
    """It is no longer known."""
    fleet = Fleet(10)
    fleet.go_offline(0, 1)
    fleet.outages.discard("0", 1.0)
    assert fleet.alone(90.0) == ["1"]


# Offline when maintenance ends


def end_maintenance(fleet: Fleet, count: int, now: float = 0.0) -> None:
    """End the maintenance of devices that are offline."""
    for number in range(count):
        fleet.outages.maintenance_ended(f"M{number}", now)


@pytest.mark.parametrize(
    ("online", "count", "is_outage"),
    [(0, 2, False), (0, 3, True), (3, 3, False), (3, 4, True), (11, 12, True)],
)
def test_maintenance_of_many_ends(online: int, count: int, *, is_outage: bool) -> None:
    """It is an outage by the same rule."""
    fleet = Fleet(0)
    end_maintenance(fleet, count)
    assert fleet.outages.next_deadline(0.0) == MAINTENANCE_DELAY
    assert fleet.outages.start_outage(0.5, NOW, 0) is None, "more may end"
    outage = fleet.outages.start_outage(1.0, NOW, online)
    assert (outage is not None) is is_outage
    if outage is not None:
        assert (outage.lost, outage.online_before) == (count, online + count)
        assert outage.since == NOW - 1
        assert fleet.outages.next_deadline(1.0) is None
    else:
        assert fleet.outages.next_deadline(1.0) == TIMEOUT
        assert fleet.alone(TIMEOUT - 1) == []
        assert len(fleet.alone(TIMEOUT)) == count


def test_maintenance_ends_at_different_times() -> None:
    """Only what ends within one window is lost together."""
    fleet = Fleet(0)
    for number in range(4):
        fleet.outages.maintenance_ended(str(number), 50.0 * number)
        assert fleet.outages.start_outage(50.0 * number + 1, NOW, 0) is None
    fleet.outages.maintenance_ended("4", 160.0)
    outage = fleet.outages.start_outage(161.0, NOW, 0)
    assert outage is not None
    assert outage.known == {"2", "3", "4"}


def test_others_go_offline_when_maintenance_ends() -> None:
    """Both are lost together."""
    fleet = Fleet(5)
    fleet.go_offline(0, 1, 2)
    fleet.go_offline(3, now=80.0)
    assert fleet.outages.start_outage(80.0, NOW, 1) is not None
    fleet = Fleet(6)
    fleet.go_offline(0, 1)
    end_maintenance(fleet, 3, now=1.0)
    outage = fleet.outages.start_outage(2.0, NOW, 4)
    assert outage is not None
    assert (outage.lost, outage.online_before) == (5, 9)


def test_those_that_leave_maintenance_online_count() -> None:
    """Although they were not counted before."""
    fleet = Fleet(1)
    fleet.go_offline(0)
    end_maintenance(fleet, 3, now=1.0)
    assert fleet.outages.start_outage(2.0, NOW, 4) is None
    outage = fleet.outages.start_outage(3.0, NOW, 3)
    assert outage is not None
    assert (outage.lost, outage.online_before) == (4, 7)


def test_maintenance_ends_in_an_outage() -> None:
    """Within its window, they are added."""
    fleet = Fleet(4)
    fleet.go_offline(*range(4))
    outage = fleet.outages.start_outage(0.0, NOW)
    assert outage is not None
    fleet.outages.maintenance_ended("M0", TIMEOUT - 1)
    assert (outage.lost, outage.online_before) == (5, 5)
    fleet.outages.came_online("M0", TIMEOUT - 1)
    fleet.outages.maintenance_ended("M0", TIMEOUT - 1)
    assert (outage.lost, outage.online_before) == (5, 5)
    fleet.outages.maintenance_ended("M1", TIMEOUT)
    assert outage.lost == 5
    for number in range(2, 4):
        fleet.outages.maintenance_ended(f"M{number}", TIMEOUT)
    assert fleet.outages.start_outage(TIMEOUT + 1, NOW, 0) is outage
    assert (outage.lost, outage.online_before) == (8, 8)


def test_maintenance_ends_in_an_outage_before_a_restart() -> None:
    """How many were online is still not known."""
    outages = Outages(TIMEOUT)
    outages.restore(NOW - 10, {"0"}, now=50.0, wall_clock=NOW)
    outages.maintenance_ended("M0", 51.0)
    assert outages.current is not None
    assert (outages.current.lost, outages.current.online_before) == (2, None)


def test_known_to_be_alone_before_maintenance_ends() -> None:
    """It is reported once."""
    fleet = Fleet(0)
    fleet.outages.went_offline("0", 0.0, None)
    fleet.outages.maintenance_ended("0", 10.0)
    assert fleet.alone(10.0 + TIMEOUT - 1) == []
    assert fleet.alone(10.0 + TIMEOUT) == ["0"]


def test_nothing_is_left_after_clear() -> None:
    """No outage and no offline device."""
    fleet = Fleet(10)
    fleet.go_offline(*range(6))
    assert fleet.outages.start_outage(0.0, NOW) is not None
    fleet.go_offline(7, now=100.0)
    fleet.outages.clear()
    assert fleet.outages.current is None
    assert fleet.alone(1000.0) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.0, 40.0, 89.0, 90.0]),
            st.sampled_from(["offline", "back", "remove", "ask"]),
            st.integers(0, 6),
        ),
        max_size=60,
    )
)
def test_any_order_of_calls_agrees_with_plain_lists(
    calls: list[tuple[float, str, int]],
) -> None:
    """Outages match a reference that searches all devices."""
    fleet, now = Fleet(7), 0.0
    offline: dict[str, float] = {}
    began: dict[float, int] = {}
    lost: set[str] = set()
    for wait, call, number in calls:
        now += wait
        device_id = str(number)
        was_lasting = fleet.outages.current
        deadline = fleet.outages.next_deadline(now)
        over = fleet.outages.end_outage(now)
        assert over is None or over is was_lasting
        assert (over is not None) == (
            was_lasting is not None and deadline is not None and deadline <= now
        )
        is_lasting = fleet.outages.current is not None
        if call == "offline" and device_id in fleet.online:
            began.setdefault(now, len(fleet.online))
            fleet.go_offline(number, now=now)
            offline[device_id] = now
            started = fleet.outages.start_outage(now, NOW + now)
            window = [one for one, when in offline.items() if when + TIMEOUT > now]
            if started is not None and not is_lasting:
                assert len(window) >= 3
                lost = set(window)
                assert started.known == started.offline == lost
            elif started is not None:
                assert started is fleet.outages.current
                assert started.known == started.offline
                assert started.offline <= offline.keys()
            elif not is_lasting and len(window) >= 3:
                first = min(offline[one] for one in window)
                assert 2 * len(window) <= began[first]
        elif call in ("back", "remove"):
            offline.pop(device_id, None)
            if call == "back":
                fleet.online.add(device_id)
                fleet.outages.came_online(device_id, now)
            else:
                fleet.outages.discard(device_id, now)
        for alone in fleet.alone(now):
            assert fleet.outages.current is None
            assert offline[alone] + TIMEOUT <= now
        if (outage := fleet.outages.current) is not None:
            is_half_back = 2 * len(outage.offline) <= len(outage.known)
            assert is_half_back == (fleet.outages.next_deadline(now) is not None)
            assert outage.offline <= outage.known
            assert outage.online_before is not None
            assert outage.lost <= outage.online_before
