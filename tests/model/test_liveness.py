"""Who is due to be declared offline, and when (section 2)."""

from hypothesis import given, strategies as st

from custom_components.vesper.model.deadlines import Liveness

TIMEOUT = 90.0
DEVICES = ["chapel", "hall", "school", "tower"]


def pop_all_due(liveness: Liveness, now: float) -> list[str]:
    """Return everybody who is due, in the order in which they are declared."""
    due = []
    while (device_id := liveness.pop_due(now)) is not None:
        due.append(device_id)
    return due


def test_nobody_is_due_while_nobody_is_watched() -> None:
    """An empty fleet has no deadline."""
    liveness = Liveness(TIMEOUT)
    assert liveness.next_deadline is None
    assert liveness.pop_due(1e9) is None
    assert len(liveness) == 0


def test_a_device_is_due_after_the_full_time_out() -> None:
    """Not a moment before, and at the very moment."""
    liveness = Liveness(TIMEOUT)
    liveness.touch("chapel", 10.0)
    assert "chapel" in liveness
    assert "hall" not in liveness
    assert liveness.next_deadline == 100.0
    assert liveness.pop_due(99.999) is None
    assert liveness.pop_due(100.0) == "chapel"


def test_a_device_is_due_once() -> None:
    """Who was declared offline is not watched until heard again."""
    liveness = Liveness(TIMEOUT)
    liveness.touch("chapel", 0.0)
    assert pop_all_due(liveness, 1000.0) == ["chapel"]
    assert len(liveness) == 0


def test_a_message_gives_a_fresh_time_out() -> None:
    """A device that goes on speaking is never due."""
    liveness = Liveness(TIMEOUT)
    liveness.touch("chapel", 0.0)
    liveness.touch("chapel", 89.0)
    assert liveness.pop_due(90.0) is None
    assert liveness.next_deadline == 179.0


def test_the_longest_silent_device_is_due_first() -> None:
    """Those who are due at once come in the order of their last messages."""
    liveness = Liveness(TIMEOUT)
    for now, device_id in enumerate(["chapel", "hall", "tower", "chapel"]):
        liveness.touch(device_id, now)
    assert liveness.next_deadline == 90.0
    assert liveness.postpone(90.0)
    assert not liveness.postpone(90.0)
    assert liveness.next_deadline == 91.0
    assert pop_all_due(liveness, 1000.0) == ["hall", "tower", "chapel"]


def test_a_restart_gives_everybody_a_fresh_time_out() -> None:
    """When the link is back, what was missed counts against nobody."""
    liveness = Liveness(TIMEOUT)
    liveness.touch("chapel", 0.0)
    liveness.restart(["chapel", "hall"], 500.0)
    assert liveness.pop_due(589.0) is None
    assert pop_all_due(liveness, 590.0) == ["chapel", "hall"]


def test_a_restart_watches_nobody_else() -> None:
    """A device that is no longer known is not declared offline."""
    liveness = Liveness(TIMEOUT)
    liveness.touch("chapel", 0.0)
    liveness.restart(["hall"], 0.0)
    assert pop_all_due(liveness, 90.0) == ["hall"]


def test_a_removed_device_is_never_due() -> None:
    """To remove one that is not there does no harm either."""
    liveness = Liveness(TIMEOUT)
    liveness.touch("chapel", 0.0)
    liveness.discard("chapel")
    liveness.discard("chapel")
    assert liveness.pop_due(1e9) is None


def test_what_was_heard_elsewhere_counts_when_a_device_is_due() -> None:
    """It is asked for then, and not at each sign of life."""
    heard = {"chapel": 0.0}
    liveness = Liveness(TIMEOUT, heard_at=heard.__getitem__)
    liveness.touch("chapel", 0.0)
    heard["chapel"] = 60.0
    assert liveness.next_deadline == 90.0
    assert liveness.pop_due(90.0) is None
    assert liveness.next_deadline == 150.0
    assert liveness.pop_due(150.0) == "chapel"


def test_whoever_comes_and_goes_is_queued_once() -> None:
    """What is void in the queue is gone when its time comes."""
    liveness = Liveness(TIMEOUT)
    for now in range(50):
        liveness.touch("chapel", now)
        liveness.discard("chapel")
    liveness.touch("chapel", 50.0)
    assert pop_all_due(liveness, 139.0) == []
    assert pop_all_due(liveness, 140.0) == ["chapel"]
    assert not liveness._queue  # noqa: SLF001


device_ids = st.sampled_from(DEVICES)
operations: st.SearchStrategy[tuple[str, list[str]]] = st.one_of(
    st.tuples(st.just("touch"), st.lists(device_ids, min_size=1, max_size=1)),
    st.tuples(st.just("discard"), st.lists(device_ids, min_size=1, max_size=1)),
    st.tuples(st.just("restart"), st.lists(device_ids, unique=True)),
    st.tuples(st.just("pop_due"), st.just([])),
)
waits = st.sampled_from([0.0, 0.5, 30.0, 89.5, 90.0, 200.0])


@given(st.lists(st.tuples(waits, operations), max_size=40))
def test_any_order_of_calls_agrees_with_a_plain_dict(
    calls: list[tuple[float, tuple[str, list[str]]]],
) -> None:
    """Watched, deadline and who is due are those of a dict that is looked through."""
    liveness = Liveness(TIMEOUT)
    heard: dict[str, float] = {}
    now = 1000.0
    for wait, (call, device_ids) in calls:
        now += wait
        match call:
            case "touch":
                liveness.touch(device_ids[0], now)
                heard.pop(device_ids[0], None)
                heard[device_ids[0]] = now
            case "discard":
                liveness.discard(device_ids[0])
                heard.pop(device_ids[0], None)
            case "restart":
                liveness.restart(device_ids, now)
                heard = dict.fromkeys(device_ids, now)
            case _:
                due = [who for who, when in heard.items() if when + TIMEOUT <= now]
                due.sort(key=lambda who: (heard[who], who))
                assert pop_all_due(liveness, now) == due
                for device_id in due:
                    del heard[device_id]
                assert liveness.next_deadline is None or liveness.next_deadline > now
        assert len(liveness) == len(heard)
        assert (liveness.next_deadline is None) is (not heard)
        if liveness.next_deadline is not None:
            assert liveness.next_deadline <= min(heard.values()) + TIMEOUT


def test_patience_beyond_the_time_out() -> None:
    """A device of a slower rhythm is due when its own time is over, and not before."""
    liveness = Liveness(TIMEOUT)
    liveness.touch("chapel", 0.0)
    liveness.be_patient("chapel", 600.0, 0.0)
    assert pop_all_due(liveness, 599.0) == []
    assert "chapel" in liveness
    assert len(liveness) == 1
    assert liveness.next_deadline == 600.0
    assert pop_all_due(liveness, 600.0) == ["chapel"]
    assert "chapel" not in liveness
    assert liveness.next_deadline is None


def test_patience_ends_with_the_rhythm() -> None:
    """A device whose rhythm is faster by now has the timeout, as all have."""
    liveness = Liveness(TIMEOUT)
    liveness.touch("chapel", 0.0)
    liveness.be_patient("chapel", 600.0, 0.0)
    assert pop_all_due(liveness, 300.0) == []
    liveness.touch("chapel", 300.0)
    liveness.be_patient("chapel", 30.0, 300.0)
    assert pop_all_due(liveness, 390.0) == ["chapel"]
    assert pop_all_due(liveness, 600.0) == []


def test_patience_with_who_has_another_way_by_now() -> None:
    """It is asked for when the timeout is over, and is over itself if it is denied."""
    patient = True
    liveness = Liveness(TIMEOUT, is_patient_with=lambda _: patient)
    liveness.touch("chapel", 0.0)
    liveness.be_patient("chapel", 600.0, 0.0)
    patient = False
    assert pop_all_due(liveness, 90.0) == ["chapel"]


patience = st.sampled_from([0.0, 90.0, 120.0, 600.0])
life: st.SearchStrategy[tuple[str, list[str], float]] = st.one_of(
    st.tuples(
        st.sampled_from(["touch", "discard"]),
        st.lists(device_ids, min_size=1, max_size=1),
        st.just(0.0),
    ),
    st.tuples(st.just("post"), st.lists(device_ids, min_size=1, max_size=1), patience),
    st.tuples(st.just("restart"), st.lists(device_ids, unique=True), st.just(0.0)),
    st.tuples(st.just("pop_due"), st.just([]), st.just(0.0)),
)


class Plain:
    """The same in plain dicts that are looked through."""

    def __init__(self) -> None:
        """Watch nobody."""
        self.patience: dict[str, float] = {}
        self.silent_at: dict[str, float] = {}
        self.until: dict[str, float] = {}

    def take(
        self, call: str, device_ids: list[str], seconds: float, now: float
    ) -> None:
        """Do what a call does."""
        if call == "restart":
            self.silent_at = dict.fromkeys(device_ids, now + TIMEOUT)
            self.until = {who: now + self.patience.get(who, 0) for who in device_ids}
            return
        for device_id in device_ids:
            if call == "discard":
                for known in (self.patience, self.silent_at, self.until):
                    known.pop(device_id, None)
                continue
            self.silent_at[device_id] = now + TIMEOUT
            if call == "post":
                self.patience[device_id] = seconds
                self.until[device_id] = now + seconds

    def deadlines(self) -> dict[str, float]:
        """Return when each device that is watched is due."""
        return {
            device_id: max(silent, self.until.get(device_id, 0))
            for device_id, silent in self.silent_at.items()
        }

    def pop_due(self, now: float) -> list[str]:
        """Stop watching those who are due, and return them."""
        due = [who for who, deadline in self.deadlines().items() if deadline <= now]
        for device_id in due:
            del self.silent_at[device_id]
            self.until.pop(device_id, None)
        return due


def _take(
    liveness: Liveness, call: str, device_ids: list[str], seconds: float, now: float
) -> None:
    """Make a call; a post is a sign of life that tells of a rhythm."""
    if call == "restart":
        liveness.restart(device_ids, now)
        return
    for device_id in device_ids:
        if call == "discard":
            liveness.discard(device_id)
            continue
        liveness.touch(device_id, now)
        if call == "post":
            liveness.be_patient(device_id, seconds, now)


@given(st.lists(st.tuples(waits, life), max_size=40))
def test_patience_agrees_with_plain_dicts(
    calls: list[tuple[float, tuple[str, list[str], float]]],
) -> None:
    """Who is due is who is so by the timeout and by the patience; nobody is missed."""
    liveness, plain = Liveness(TIMEOUT), Plain()
    now = 1000.0
    for wait, (call, device_ids, seconds) in calls:
        now += wait
        _take(liveness, call, device_ids, seconds, now)
        plain.take(call, device_ids, seconds, now)
        deadlines = plain.deadlines()
        assert len(liveness) == len(deadlines)
        assert all(device_id in liveness for device_id in deadlines)
        if deadlines:
            assert liveness.next_deadline is not None
            assert liveness.next_deadline <= min(deadlines.values())
        if call == "pop_due":
            assert sorted(pop_all_due(liveness, now)) == sorted(plain.pop_due(now))
            assert liveness.next_deadline is None or liveness.next_deadline > now
