"""Heartbeats that change nothing that is told."""

from custom_components.vesper.model.frame import Frame
from custom_components.vesper.model.pulse import KEPT, Calm, Pulse
from custom_components.vesper.protocol.messages import Heartbeat, parse_heartbeat

TEXT = b'{"uptime":100,"heap_free":50000}'
CALM = Calm(until=1060.0, started=(897.5, 902.5), heap_free=(16384, 2**32 - 1))


def pulse() -> Pulse:
    """Return a pulse whose device has started at 900."""
    heartbeat = parse_heartbeat(TEXT, "chapel")
    assert isinstance(heartbeat, Heartbeat)
    frame = Frame.of(heartbeat, "chapel")
    assert frame is not None
    pulse = Pulse(frame)
    pulse.add(1000.0, 5.0, heartbeat)
    return pulse


def test_takes_nothing_in_before_it_is_told_the_bounds() -> None:
    """Nobody has said yet that there is nothing else to do."""
    asleep = pulse()
    assert not asleep.beat(1030.0, 35.0, 130, 50_000)
    assert (asleep.count, asleep.heard, asleep.ahead) == (1, 5.0, False)


def test_takes_in_what_is_within_the_bounds() -> None:
    """It counts, keeps and dates it, and knows that nobody else has."""
    calm = pulse()
    calm.calm_down(CALM)
    assert calm.beat(1030.0, 35.0, 130, 49_000)
    assert (calm.count, calm.heard, calm.ahead) == (2, 35.0, True)
    assert calm.newest == (1030.0, 130, 49_000)
    assert list(calm.beats) == [(1000.0, 100, 50_000), (1030.0, 130, 49_000)]


def test_leaves_what_is_beyond_any_bound() -> None:
    """Time, start and heap have one on both sides."""
    calm = pulse()
    calm.calm_down(CALM)
    for now, uptime, heap_free in [
        (999.0, 100, 50_000),
        (1060.0, 160, 50_000),
        (1030.0, 127, 50_000),
        (1030.0, 133, 50_000),
        (1030.0, 130, 16_383),
        (1030.0, 130, 2**32 - 1 + 1),
    ]:
        assert not calm.beat(now, 35.0, uptime, heap_free)
    assert calm.count == 1
    calm.wake()
    assert not calm.beat(1030.0, 35.0, 130, 50_000)


def test_keeps_the_newest() -> None:
    """What is too old is written over."""
    calm = pulse()
    calm.calm_down(CALM)
    for number in range(1, KEPT + 3):
        assert calm.beat(1000.0 + number, 5.0 + number, 100 + number, 20_000 + number)
    assert calm.count == KEPT + 3
    assert [uptime for _, uptime, _ in calm.beats] == list(range(103, 113))
