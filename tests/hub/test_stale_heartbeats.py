"""Heartbeats that are late or sent again (docs/liveness.md)."""

from custom_components.vesper.model.restarts import COUNTER_SECONDS, Stale
from tests.common import BELL, Vesper, Writes


def stale(vesper: Vesper) -> dict[Stale, int]:
    """Return how many were counted."""
    return dict(vesper.hub.devices[BELL].message_log.stale)


async def test_overtaken(vesper: Vesper, writes: Writes) -> None:
    """It shows nothing old, and keeps no device online."""
    await vesper.heartbeat(uptime=3600, heap_free=50_000)
    await vesper.info("playback_started")
    await vesper.alert("SD", "WARNING")
    await vesper.advance(80)
    writes.take()
    await vesper.heartbeat(uptime=3570, heap_free=60_000)
    assert writes.take() == []
    assert stale(vesper) == {Stale.LATE: 1}
    last = vesper.hub.devices[BELL].message_log.heartbeat
    assert last is not None
    assert b"3600" in last.payload
    await vesper.advance(11)
    assert vesper.value("connectivity") == "off"
    await vesper.heartbeat(uptime=3571)
    assert vesper.value("connectivity") == "off"
    await vesper.heartbeat(uptime=3691)
    assert vesper.value("connectivity") == "on"
    assert vesper.state("alert_SD").attributes["confirmed"] is True


async def test_replayed(vesper: Vesper) -> None:
    """A repeated heartbeat is no sign of life.

    A bridge repeats what another broker kept of a dead device.
    """
    await vesper.heartbeat(uptime=3600)
    await vesper.advance(30)
    await vesper.heartbeat(uptime=3630)
    for _ in range(2):
        await vesper.advance(46)
        await vesper.heartbeat(uptime=3630)
    assert vesper.value("connectivity") == "off"
    assert stale(vesper) == {Stale.REPLAYED: 2}


async def test_faults_of_a_stale_heartbeat_are_counted(vesper: Vesper) -> None:
    """Its faults are named, though it changes nothing."""
    await vesper.heartbeat(uptime=3600)
    await vesper.advance(30)
    await vesper.heartbeat(uptime=3630)
    await vesper.advance(30)
    for uptime in (3600, 3630):
        await vesper.heartbeat(uptime=uptime, heap_free="much")
    device = vesper.hub.devices[BELL]
    assert stale(vesper) == {Stale.LATE: 1, Stale.REPLAYED: 1}
    assert device.faults.total() == 2
    assert device.fault_streak is None


async def test_replayed_after_a_restart_of_home_assistant(vesper: Vesper) -> None:
    """Only the device itself is a sign of life."""
    await vesper.heartbeat(uptime=3600)
    await vesper.advance(30)
    await vesper.heartbeat(uptime=3630)
    await vesper.reload()
    await vesper.advance(30)
    await vesper.heartbeat(uptime=3630)
    assert vesper.value("connectivity") == "unknown"
    await vesper.heartbeat(uptime=3600)
    assert vesper.value("connectivity") == "unknown"
    assert stale(vesper) == {Stale.REPLAYED: 1, Stale.LATE: 1}
    await vesper.heartbeat(uptime=3660)
    assert vesper.value("connectivity") == "on"


async def test_firmware_without_a_clock(vesper: Vesper) -> None:
    """Its uptime never grows: every heartbeat keeps it online."""
    for _ in range(5):
        await vesper.heartbeat(uptime=1000)
        await vesper.advance(80)
        assert vesper.value("connectivity") == "on"
    assert stale(vesper) == {}


async def test_wall_clock_that_jumps(vesper: Vesper) -> None:
    """No heartbeat is stale or a restart by it."""
    await vesper.heartbeat(uptime=3600)
    await vesper.info("playback_started")
    for jump in (-86_400, 86_400):
        with vesper.wall_clock_set(jump):
            await vesper.heartbeat(uptime=3610)
        assert vesper.value("playing") == "on"
    assert stale(vesper) == {}


async def test_counter_that_ran_over(vesper: Vesper) -> None:
    """The uptime begins again without a restart.

    The counter runs over after 49.7 days.
    """
    await vesper.heartbeat(uptime=int(COUNTER_SECONDS) - 20)
    await vesper.alert("SD", "WARNING")
    await vesper.info("playback_started")
    await vesper.advance(30)
    await vesper.heartbeat(uptime=10)
    assert vesper.value("connectivity") == "on"
    assert vesper.value("playing") == "on"
    assert vesper.state("alert_SD").attributes["confirmed"] is True
    assert stale(vesper) == {}
