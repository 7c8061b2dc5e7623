"""Counts of the faults of messages."""

from hypothesis import given, strategies as st

from custom_components.vesper.model.fault_counter import FaultCounter
from custom_components.vesper.protocol.fields import Fault, FaultKind


def fault(path: str, kind: FaultKind = FaultKind.INVALID) -> Fault:
    """Return a fault at a path."""
    return Fault(path=path, kind=kind, reason="")


def test_the_first_of_each_kind_is_returned() -> None:
    """Faults differ by source and kind, not by position."""
    counter = FaultCounter()
    first = [fault("recent_events[0].d0"), fault("uptime")]
    assert counter.add("heartbeat", first) == first
    assert counter.add("heartbeat", [fault("recent_events[7].d0")]) == []
    assert counter.add("post", first) == first
    other_kind = fault("uptime", FaultKind.MISSING)
    assert counter.add("heartbeat", [*first, other_kind]) == [other_kind]
    assert counter["heartbeat", "recent_events[].d0", FaultKind.INVALID] == 3


def test_two_faults_of_a_message_may_be_of_one_kind() -> None:
    """Both are counted, the first one is returned."""
    counter = FaultCounter()
    faults = [fault("recent_events[0]"), fault("recent_events[1]")]
    assert counter.add("heartbeat", faults) == faults[:1]
    assert counter.malformed == {FaultKind.INVALID: 2}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["heartbeat", "alerts"]),
            st.sampled_from(["a", "b"]),
            st.sampled_from(FaultKind),
        )
    )
)
def test_each_fault_is_counted_once(faults: list[tuple[str, str, FaultKind]]) -> None:
    """Retained messages are counted apart from malformed ones."""
    counter = FaultCounter()
    first = [
        one
        for source, path, kind in faults
        for one in counter.add(source, [fault(path, kind)])
    ]
    kinds = [kind for _, _, kind in faults]
    assert len(first) == len(set(faults)) == len(counter)
    assert counter.retained == kinds.count(FaultKind.RETAINED)
    assert counter.malformed == {
        kind: kinds.count(kind) for kind in {*kinds} - {FaultKind.RETAINED}
    }
