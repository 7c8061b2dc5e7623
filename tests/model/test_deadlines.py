"""Deadlines of devices (docs/protocol.md)."""

from hypothesis import given, strategies as st

from custom_components.vesper.model.deadlines import DeadlineQueue

TIMEOUT = 90.0
DEVICES = ["chapel", "hall", "school", "tower"]


def pop_all_due(queue: DeadlineQueue, now: float) -> list[str]:
    """Return all devices that are due, in their order."""
    due = []
    while (device_id := queue.pop_due(now)) is not None:
        due.append(device_id)
    return due


def test_an_empty_queue_has_no_deadline() -> None:
    """No device is due."""
    queue = DeadlineQueue(TIMEOUT)
    assert queue.next_deadline is None
    assert queue.pop_due(1e9) is None
    assert len(queue) == 0


def test_a_device_is_due_after_the_full_timeout() -> None:
    """Exactly at its end, not before."""
    queue = DeadlineQueue(TIMEOUT)
    queue.touch("chapel", 10.0)
    assert "chapel" in queue
    assert "hall" not in queue
    assert queue.next_deadline == 100.0
    assert queue.pop_due(99.999) is None
    assert queue.pop_due(100.0) == "chapel"


def test_a_device_is_due_once() -> None:
    """A due device is not monitored until its next message."""
    queue = DeadlineQueue(TIMEOUT)
    queue.touch("chapel", 0.0)
    assert pop_all_due(queue, 1000.0) == ["chapel"]
    assert len(queue) == 0


def test_a_message_gives_a_full_timeout() -> None:
    """A device that sends messages is never due."""
    queue = DeadlineQueue(TIMEOUT)
    queue.touch("chapel", 0.0)
    queue.touch("chapel", 89.0)
    assert queue.pop_due(90.0) is None
    assert queue.next_deadline == 179.0


def test_the_device_with_the_oldest_message_is_due_first() -> None:
    """Several that are due come in the order of their last messages."""
    queue = DeadlineQueue(TIMEOUT)
    for now, device_id in enumerate(["chapel", "hall", "tower", "chapel"]):
        queue.touch(device_id, now)
    assert queue.next_deadline == 90.0
    assert queue.postpone(90.0)
    assert not queue.postpone(90.0)
    assert queue.next_deadline == 91.0
    assert pop_all_due(queue, 1000.0) == ["hall", "tower", "chapel"]


def test_a_restart_gives_all_a_full_timeout() -> None:
    """After a reconnect no device is due for missed messages."""
    queue = DeadlineQueue(TIMEOUT)
    queue.touch("chapel", 0.0)
    queue.restart(["chapel", "hall"], 500.0)
    assert queue.pop_due(589.0) is None
    assert pop_all_due(queue, 590.0) == ["chapel", "hall"]


def test_a_restart_monitors_no_other_device() -> None:
    """A device that is no longer known is not due."""
    queue = DeadlineQueue(TIMEOUT)
    queue.touch("chapel", 0.0)
    queue.restart(["hall"], 0.0)
    assert pop_all_due(queue, 90.0) == ["hall"]


def test_a_removed_device_is_never_due() -> None:
    """To remove one that is not there does no harm either."""
    queue = DeadlineQueue(TIMEOUT)
    queue.touch("chapel", 0.0)
    queue.discard("chapel")
    queue.discard("chapel")
    assert queue.pop_due(1e9) is None


def test_a_device_that_comes_and_goes_is_queued_once() -> None:
    """An outdated entry is removed when its time comes."""
    queue = DeadlineQueue(TIMEOUT)
    for now in range(50):
        queue.touch("chapel", now)
        queue.discard("chapel")
    queue.touch("chapel", 50.0)
    assert pop_all_due(queue, 139.0) == []
    assert pop_all_due(queue, 140.0) == ["chapel"]
    assert not queue._queue  # noqa: SLF001


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
    """Deadlines and due devices match a reference."""
    queue = DeadlineQueue(TIMEOUT)
    last: dict[str, float] = {}
    now = 1000.0
    for wait, (call, device_ids) in calls:
        now += wait
        match call:
            case "touch":
                queue.touch(device_ids[0], now)
                last.pop(device_ids[0], None)
                last[device_ids[0]] = now
            case "discard":
                queue.discard(device_ids[0])
                last.pop(device_ids[0], None)
            case "restart":
                queue.restart(device_ids, now)
                last = dict.fromkeys(device_ids, now)
            case _:
                due = [
                    device_id
                    for device_id, when in last.items()
                    if when + TIMEOUT <= now
                ]
                due.sort(key=lambda device_id: (last[device_id], device_id))
                assert pop_all_due(queue, now) == due
                for device_id in due:
                    del last[device_id]
                assert queue.next_deadline is None or queue.next_deadline > now
        assert len(queue) == len(last)
        assert (queue.next_deadline is None) is (not last)
        if queue.next_deadline is not None:
            assert queue.next_deadline <= min(last.values()) + TIMEOUT


def test_an_extended_timeout() -> None:
    """A device with an extended timeout is due after it."""
    queue = DeadlineQueue(TIMEOUT)
    queue.touch("chapel", 0.0)
    queue.extend_timeout("chapel", 600.0, 0.0)
    assert pop_all_due(queue, 599.0) == []
    assert "chapel" in queue
    assert len(queue) == 1
    assert queue.next_deadline == 600.0
    assert pop_all_due(queue, 600.0) == ["chapel"]
    assert "chapel" not in queue
    assert queue.next_deadline is None


def test_an_extended_timeout_ends_with_the_rhythm() -> None:
    """A device that sends faster has the default timeout again."""
    queue = DeadlineQueue(TIMEOUT)
    queue.touch("chapel", 0.0)
    queue.extend_timeout("chapel", 600.0, 0.0)
    assert pop_all_due(queue, 300.0) == []
    queue.touch("chapel", 300.0)
    queue.extend_timeout("chapel", 30.0, 300.0)
    assert pop_all_due(queue, 390.0) == ["chapel"]
    assert pop_all_due(queue, 600.0) == []


extensions = st.sampled_from([0.0, 90.0, 120.0, 600.0])
life: st.SearchStrategy[tuple[str, list[str], float]] = st.one_of(
    st.tuples(
        st.sampled_from(["touch", "discard"]),
        st.lists(device_ids, min_size=1, max_size=1),
        st.just(0.0),
    ),
    st.tuples(
        st.just("post"), st.lists(device_ids, min_size=1, max_size=1), extensions
    ),
    st.tuples(st.just("restart"), st.lists(device_ids, unique=True), st.just(0.0)),
    st.tuples(st.just("pop_due"), st.just([]), st.just(0.0)),
)


class Reference:
    """The same queue as plain dicts."""

    def __init__(self) -> None:
        """Monitor no device."""
        self.extended: dict[str, float] = {}
        self.due_at: dict[str, float] = {}
        self.until: dict[str, float] = {}

    def apply(
        self, call: str, device_ids: list[str], seconds: float, now: float
    ) -> None:
        """Apply a call."""
        if call == "restart":
            self.due_at = dict.fromkeys(device_ids, now + TIMEOUT)
            self.until = {who: now + self.extended.get(who, 0) for who in device_ids}
            return
        for device_id in device_ids:
            if call == "discard":
                for known in (self.extended, self.due_at, self.until):
                    known.pop(device_id, None)
                continue
            self.due_at[device_id] = now + TIMEOUT
            if call == "post":
                self.extended[device_id] = seconds
                self.until[device_id] = now + seconds

    def deadlines(self) -> dict[str, float]:
        """Return the deadline of each monitored device."""
        return {
            device_id: max(due, self.until.get(device_id, 0))
            for device_id, due in self.due_at.items()
        }

    def pop_due(self, now: float) -> list[str]:
        """Stop monitoring the devices that are due, and return them."""
        due = [
            device_id
            for device_id, deadline in self.deadlines().items()
            if deadline <= now
        ]
        for device_id in due:
            del self.due_at[device_id]
            self.until.pop(device_id, None)
        return due


def _call(
    queue: DeadlineQueue,
    call: str,
    device_ids: list[str],
    seconds: float,
    now: float,
) -> None:
    """Make a call; a post is a message with an interval."""
    if call == "restart":
        queue.restart(device_ids, now)
        return
    for device_id in device_ids:
        if call == "discard":
            queue.discard(device_id)
            continue
        queue.touch(device_id, now)
        if call == "post":
            queue.extend_timeout(device_id, seconds, now)


@given(st.lists(st.tuples(waits, life), max_size=40))
def test_extended_timeouts_agree_with_plain_dicts(
    calls: list[tuple[float, tuple[str, list[str], float]]],
) -> None:
    """No due device is missed with any timeouts."""
    queue, reference = DeadlineQueue(TIMEOUT), Reference()
    now = 1000.0
    for wait, (call, device_ids, seconds) in calls:
        now += wait
        _call(queue, call, device_ids, seconds, now)
        reference.apply(call, device_ids, seconds, now)
        deadlines = reference.deadlines()
        assert len(queue) == len(deadlines)
        assert all(device_id in queue for device_id in deadlines)
        if deadlines:
            assert queue.next_deadline is not None
            assert queue.next_deadline <= min(deadlines.values())
        if call == "pop_due":
            assert sorted(pop_all_due(queue, now)) == sorted(reference.pop_due(now))
            assert queue.next_deadline is None or queue.next_deadline > now
