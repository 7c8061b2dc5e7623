"""Tell one outage from many stories (devices that fall silent)."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.outages import LEAST_LOST, Outages

TIMEOUT = 90.0


class Fleet:
    """Devices that are online or not, and what is found out of their silences."""

    def __init__(self, online: int) -> None:
        """Start with so many devices online, called by their numbers."""
        self.outages = Outages(TIMEOUT)
        self.online = {str(number) for number in range(online)}

    def silence(self, *numbers: int, now: float = 0.0) -> None:
        """Let devices fall silent."""
        for number in numbers:
            self.outages.fell_silent(str(number), now, len(self.online))
            self.online.discard(str(number))

    def alone(self, now: float) -> list[str]:
        """Return everybody who is offline for itself by now."""
        found = []
        while (device_id := self.outages.pop_alone(now)) is not None:
            found.append(device_id)
        return found


@pytest.mark.parametrize(
    ("online", "silent"),
    [(3, 3), (4, 3), (5, 3), (6, 4), (7, 4), (1000, 501), (1000, 1000)],
)
def test_most_of_the_fleet_is_an_outage(online: int, silent: int) -> None:
    """More than half, and at least three."""
    fleet = Fleet(online)
    fleet.silence(*range(silent))
    outage = fleet.outages.find(1.0)
    assert outage is not None
    assert (outage.lost, outage.online_before) == (silent, online)
    assert fleet.outages.find(1.0) is None, "it has been found"
    assert fleet.alone(1000.0) == []
    assert fleet.outages.next_deadline is None


@pytest.mark.parametrize("online", [1, 2, 6, 10, 1000])
def test_half_of_the_fleet_is_none(online: int) -> None:
    """They are as many stories, told once each can no longer be part of one."""
    fleet = Fleet(online)
    silent = [*range(max(1, online // 2))]
    fleet.silence(*silent)
    assert fleet.outages.find(1.0) is None
    assert fleet.alone(TIMEOUT - 1) == []
    assert fleet.outages.next_deadline == TIMEOUT
    assert fleet.alone(TIMEOUT) == [str(number) for number in silent]
    assert fleet.alone(TIMEOUT) == []
    assert fleet.outages.next_deadline is None


def test_two_are_none() -> None:
    """However small the fleet is."""
    assert LEAST_LOST == 3
    fleet = Fleet(2)
    fleet.silence(0, 1)
    assert fleet.outages.find(1.0) is None


def test_within_one_timeout() -> None:
    """Who fell silent earlier fell for itself."""
    fleet = Fleet(4)
    fleet.silence(0, now=0.0)
    fleet.silence(1, now=89.0)
    fleet.silence(2, now=90.0)
    assert fleet.outages.find(90.0) is None
    assert fleet.alone(90.0) == ["0"]
    fleet.silence(3, now=91.0)
    outage = fleet.outages.find(91.0)
    assert outage is not None
    assert (outage.lost, outage.online_before) == (3, 3)


def test_who_is_back_is_not_lost() -> None:
    """Nor is there anything to tell of it."""
    fleet = Fleet(4)
    fleet.silence(0, 1)
    assert fleet.outages.came_back("0") is None
    fleet.silence(2, now=1.0)
    assert fleet.outages.find(1.0) is None
    assert fleet.alone(91.0) == ["1", "2"]


def test_those_who_come_meanwhile_do_not_count() -> None:
    """The fleet is those who were online when the first fell silent."""
    fleet = Fleet(4)
    fleet.silence(0)
    fleet.online |= {"new", "newer", "newest"}
    fleet.silence(1, 2, now=1.0)
    outage = fleet.outages.find(1.0)
    assert outage is not None
    assert outage.online_before == 4


def test_who_was_not_online_is_not_lost() -> None:
    """Of them nothing was known; they are told of at once."""
    fleet = Fleet(0)
    for number in range(10):
        fleet.outages.fell_silent(str(number), 0.0, None)
    assert fleet.outages.find(0.0) is None
    assert len(fleet.alone(0.0)) == 10


def test_those_who_follow_are_lost_too() -> None:
    """Within the same timeout from the first of all."""
    fleet = Fleet(5)
    fleet.silence(0, 1, 2)
    outage = fleet.outages.find(1.0)
    assert outage is not None
    fleet.silence(3, now=89.0)
    fleet.silence(4, now=90.0)
    assert outage.lost == 4
    assert fleet.alone(1000.0) == [], "the last one has to wait"
    for number in (0, 1):
        over = fleet.outages.came_back(str(number))
    assert over is outage
    assert fleet.alone(1000.0) == ["4"]


def test_half_of_them_back_ends_it() -> None:
    """The others are still away, and there is nothing more to tell of them."""
    fleet = Fleet(5)
    fleet.silence(*range(5))
    outage = fleet.outages.find(0.0)
    assert outage is not None
    assert fleet.outages.came_back("0") is None
    assert fleet.outages.came_back("stranger") is None
    assert fleet.outages.came_back("1") is None
    assert fleet.outages.came_back("2") is outage
    assert outage.away == {"3", "4"}
    assert fleet.outages.current is None
    assert fleet.outages.came_back("3") is None
    assert fleet.alone(1000.0) == []


def test_who_falls_silent_again_is_away_again() -> None:
    """It was lost once all the same."""
    fleet = Fleet(4)
    fleet.silence(*range(4))
    outage = fleet.outages.find(0.0)
    assert outage is not None
    fleet.outages.came_back("0")
    fleet.silence(0, now=500.0)
    assert fleet.outages.came_back("1") is None
    assert outage.lost == 4
    assert fleet.outages.came_back("2") is outage


def test_those_removed_are_not_waited_for() -> None:
    """With nobody left it is over; it took as many as before."""
    fleet = Fleet(3)
    fleet.silence(0, 1, 2)
    outage = fleet.outages.find(0.0)
    assert outage is not None
    assert fleet.outages.forget("0") is None
    assert fleet.outages.forget("1") is None
    assert fleet.outages.forget("2") is outage
    assert outage.lost == 3
    assert fleet.outages.forget("2") is None


def test_a_removed_device_is_not_told_of() -> None:
    """It is nobody's concern any more."""
    fleet = Fleet(10)
    fleet.silence(0, 1)
    fleet.outages.forget("0")
    assert fleet.alone(90.0) == ["1"]


def test_nothing_is_left_after_clear() -> None:
    """Neither an outage nor anybody to tell of."""
    fleet = Fleet(10)
    fleet.silence(*range(6))
    assert fleet.outages.find(0.0) is not None
    fleet.silence(7, now=100.0)
    fleet.outages.clear()
    assert fleet.outages.current is None
    assert fleet.alone(1000.0) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.0, 40.0, 89.0, 90.0]),
            st.sampled_from(["silent", "back", "forget", "tell"]),
            st.integers(0, 6),
        ),
        max_size=60,
    )
)
def test_any_order_of_calls_agrees_with_plain_lists(
    calls: list[tuple[float, str, int]],
) -> None:
    """An outage starts and ends as looking through everybody says."""
    fleet, now = Fleet(7), 0.0
    silent: dict[str, float] = {}
    began: dict[float, int] = {}
    lost: set[str] = set()
    for wait, call, number in calls:
        now += wait
        device_id = str(number)
        was_lasting = fleet.outages.current is not None
        if call == "silent" and device_id in fleet.online:
            began.setdefault(now, len(fleet.online))
            fleet.silence(number, now=now)
            silent[device_id] = now
            started = fleet.outages.find(now)
            window = [one for one, when in silent.items() if when + TIMEOUT > now]
            if started is not None:
                assert not was_lasting
                assert len(window) >= 3
                lost = set(window)
                assert started.known == started.away == lost
            elif not was_lasting and len(window) >= 3:
                first = min(silent[one] for one in window)
                assert 2 * len(window) <= began[first]
        elif call in ("back", "forget"):
            silent.pop(device_id, None)
            if call == "back":
                fleet.online.add(device_id)
                over = fleet.outages.came_back(device_id)
            else:
                over = fleet.outages.forget(device_id)
            assert (over is not None) == (was_lasting and fleet.outages.current is None)
        for alone in fleet.alone(now):
            assert fleet.outages.current is None
            assert silent[alone] + TIMEOUT <= now
        if (outage := fleet.outages.current) is not None:
            assert 2 * len(outage.away) > len(outage.known)
            assert outage.away <= outage.known
            assert outage.lost <= outage.online_before
