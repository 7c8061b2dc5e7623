"""What is kept of the messages of a device."""

from custom_components.vesper.model.message_log import Received, Record
from custom_components.vesper.model.pulse import KEPT


def test_counts_live_and_retained_messages() -> None:
    """A replay of what the broker kept is counted apart."""
    received = Received()
    received.note((1.0, "heartbeat", False, b"{}", b""))
    received.note((2.0, "heartbeat", True, b"{}", b""))
    received.note((3.0, "alerts", True, b"{}", b""))
    assert (received.live, received.retained) == (2, 1)


def test_keeps_the_newest() -> None:
    """What is too old falls out, and the newest comes last."""
    received = Received()
    for number in range(KEPT + 3):
        received.note((float(number), "info", True, b"%d" % number, b""))
    assert [record.payload for record in received.records()] == [
        b"%d" % number for number in range(3, KEPT + 3)
    ]


def test_puts_repeated_events_back() -> None:
    """A heartbeat is shown as it came, with the events that were not kept again."""
    record = Record(
        received_at=0.0,
        source="heartbeat",
        live=True,
        text=b'{"uptime":1,"recent_events":[],"x":[]}',
        events=b'"recent_events": [{"t": 1}]',
    )
    assert record.payload == b'{"uptime":1,"recent_events": [{"t": 1}],"x":[]}'
