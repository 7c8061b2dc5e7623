"""Outages of the fleet, and single offline devices."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.outages import MIN_LOST, Outages

TIMEOUT = 90.0


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
    outage = fleet.outages.start_outage(1.0)
    assert outage is not None
    assert (outage.lost, outage.online_before) == (offline, online)
    assert fleet.outages.start_outage(1.0) is None, "it has been found"
    assert fleet.alone(1000.0) == []
    assert fleet.outages.next_deadline is None
    fleet.outages.went_offline("later", 1000.0, 1)
    assert fleet.outages.next_deadline is None, "it waits for the end of the outage"


@pytest.mark.parametrize("online", [1, 2, 6, 10, 1000])
def test_half_of_the_fleet_is_none(online: int) -> None:
    """Each device is reported alone after a timeout."""
    fleet = Fleet(online)
    offline = [*range(max(1, online // 2))]
    fleet.go_offline(*offline)
    assert fleet.outages.start_outage(1.0) is None
    assert fleet.alone(TIMEOUT - 1) == []
    assert fleet.outages.next_deadline == TIMEOUT
    assert fleet.alone(TIMEOUT) == [str(number) for number in offline]
    assert fleet.alone(TIMEOUT) == []
    assert fleet.outages.next_deadline is None


def test_two_are_none() -> None:
    """In a fleet of any size."""
    assert MIN_LOST == 3
    fleet = Fleet(2)
    fleet.go_offline(0, 1)
    assert fleet.outages.start_outage(1.0) is None


def test_within_one_timeout() -> None:
    """A device that went offline earlier is reported singly."""
    fleet = Fleet(4)
    fleet.go_offline(0, now=0.0)
    fleet.go_offline(1, now=89.0)
    fleet.go_offline(2, now=90.0)
    assert fleet.outages.start_outage(90.0) is None
    assert fleet.alone(90.0) == ["0"]
    fleet.go_offline(3, now=91.0)
    outage = fleet.outages.start_outage(91.0)
    assert outage is not None
    assert (outage.lost, outage.online_before) == (3, 3)


def test_a_device_that_is_back_is_not_lost() -> None:
    """It is not reported either."""
    fleet = Fleet(4)
    fleet.go_offline(0, 1)
    assert fleet.outages.came_online("0") is None
    fleet.go_offline(2, now=1.0)
    assert fleet.outages.start_outage(1.0) is None
    assert fleet.alone(91.0) == ["1", "2"]


def test_new_devices_do_not_count() -> None:
    """Only devices online at the first timeout count."""
    fleet = Fleet(4)
    fleet.go_offline(0)
    fleet.online |= {"new", "newer", "newest"}
    fleet.go_offline(1, 2, now=1.0)
    outage = fleet.outages.start_outage(1.0)
    assert outage is not None
    assert outage.online_before == 4


def test_a_device_that_was_not_online_is_not_lost() -> None:
    """It is reported at once."""
    fleet = Fleet(0)
    for number in range(10):
        fleet.outages.went_offline(str(number), 0.0, None)
    assert fleet.outages.start_outage(0.0) is None
    assert len(fleet.alone(0.0)) == 10


def test_those_that_follow_are_lost_too() -> None:
    """Within the same timeout from the first device."""
    fleet = Fleet(5)
    fleet.go_offline(0, 1, 2)
    outage = fleet.outages.start_outage(1.0)
    assert outage is not None
    fleet.go_offline(3, now=89.0)
    fleet.go_offline(4, now=90.0)
    assert outage.lost == 4
    assert fleet.alone(1000.0) == [], "the last one has to wait"
    for number in (0, 1):
        over = fleet.outages.came_online(str(number))
    assert over is outage
    assert fleet.alone(1000.0) == ["4"]


def test_half_of_them_back_ends_it() -> None:
    """The others are still offline and not reported again."""
    fleet = Fleet(5)
    fleet.go_offline(*range(5))
    outage = fleet.outages.start_outage(0.0)
    assert outage is not None
    assert fleet.outages.came_online("0") is None
    assert fleet.outages.came_online("unknown") is None
    assert fleet.outages.came_online("1") is None
    assert fleet.outages.came_online("2") is outage
    assert outage.offline == {"3", "4"}
    assert fleet.outages.current is None
    assert fleet.outages.came_online("3") is None
    assert fleet.alone(1000.0) == []


def test_a_device_that_goes_offline_again_counts_again() -> None:
    """It counts as lost once."""
    fleet = Fleet(4)
    fleet.go_offline(*range(4))
    outage = fleet.outages.start_outage(0.0)
    assert outage is not None
    fleet.outages.came_online("0")
    fleet.go_offline(0, now=500.0)
    assert fleet.outages.came_online("1") is None
    assert outage.lost == 4
    assert fleet.outages.came_online("2") is outage


def test_removed_devices_are_not_waited_for() -> None:
    """Without remaining devices it ends with the same count."""
    fleet = Fleet(3)
    fleet.go_offline(0, 1, 2)
    outage = fleet.outages.start_outage(0.0)
    assert outage is not None
    assert fleet.outages.discard("0") is None
    assert fleet.outages.discard("1") is None
    assert fleet.outages.discard("2") is outage
    assert outage.lost == 3
    assert fleet.outages.discard("2") is None


def test_a_removed_device_is_not_reported() -> None:
    """It is no longer known."""
    fleet = Fleet(10)
    fleet.go_offline(0, 1)
    fleet.outages.discard("0")
    assert fleet.alone(90.0) == ["1"]


def test_nothing_is_left_after_clear() -> None:
    """No outage and no offline device."""
    fleet = Fleet(10)
    fleet.go_offline(*range(6))
    assert fleet.outages.start_outage(0.0) is not None
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
        was_lasting = fleet.outages.current is not None
        if call == "offline" and device_id in fleet.online:
            began.setdefault(now, len(fleet.online))
            fleet.go_offline(number, now=now)
            offline[device_id] = now
            started = fleet.outages.start_outage(now)
            window = [one for one, when in offline.items() if when + TIMEOUT > now]
            if started is not None:
                assert not was_lasting
                assert len(window) >= 3
                lost = set(window)
                assert started.known == started.offline == lost
            elif not was_lasting and len(window) >= 3:
                first = min(offline[one] for one in window)
                assert 2 * len(window) <= began[first]
        elif call in ("back", "remove"):
            offline.pop(device_id, None)
            if call == "back":
                fleet.online.add(device_id)
                over = fleet.outages.came_online(device_id)
            else:
                over = fleet.outages.discard(device_id)
            assert (over is not None) == (was_lasting and fleet.outages.current is None)
        for alone in fleet.alone(now):
            assert fleet.outages.current is None
            assert offline[alone] + TIMEOUT <= now
        if (outage := fleet.outages.current) is not None:
            assert 2 * len(outage.offline) > len(outage.known)
            assert outage.offline <= outage.known
            assert outage.lost <= outage.online_before
