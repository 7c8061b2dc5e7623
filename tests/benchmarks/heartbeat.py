"""Measure what a heartbeat costs that changes nothing visible, beside the other ways.

    python -m tests.benchmarks.heartbeat [--quick]

All ways take the same heartbeats, of 16 events that stay while uptime and heap move,
handed to Home Assistant's MQTT client in process. What Home Assistant writes meanwhile
is counted too.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path
import time
from typing import Any

from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import entity_registry as er
from tests.rig.broker import Broker

from . import coordinator, home
from .figures import Figure, median_of, ratio_of
from .payloads import device_ids
from .ways import (
    FLOOR,
    NO_OP,
    PEERS,
    VESPER,
    Heartbeats,
    Ways,
    beats,
    in_turn,
    written,
)

WAYS = (NO_OP, FLOOR, VESPER, *PEERS)
DEVICES = 1000

#: In seconds: a time of boot that moves by a minute is another one.
MOST_AHEAD = 40

#: In seconds: what drifts is written once in so long, told by the clock of a message.
TELEMETRY_INTERVAL = 59.5
TELEMETRY = ("heap_free",)


class Bench:
    """Rounds in which the ways take turns."""

    def __init__(self, hass: HomeAssistant, ways: Ways, ids: Sequence[str]) -> None:
        """Take the devices that all ways know."""
        self._hass = hass
        self._ways = ways
        self._ids = ids
        self._numbers = count(1)
        self._start = time.monotonic()
        self.written: list[Event[Any]] = []
        """What vesper has written while it was measured."""

    async def next_beats(self, each: int, events: int) -> Heartbeats:
        """Return so many heartbeats of each device.

        Uptimes rise by a second each time, which is faster than the clock; it is waited
        for before they would tell of another time of boot.
        """
        numbers = [next(self._numbers) for _ in range(each)]
        ahead = numbers[-1] - (time.monotonic() - self._start)
        await asyncio.sleep(max(0, ahead - MOST_AHEAD))
        return beats(self._ids, numbers, events)

    async def measure(
        self, rounds: int, each: int, events: int, among: Sequence[str]
    ) -> dict[str, list[float]]:
        """Return the microseconds of one heartbeat by each way, in each round."""
        await self._warm_up(events, among)
        times: dict[str, list[float]] = {way: [] for way in among}
        for number in range(rounds):
            heartbeats = await self.next_beats(each, events)
            for way in in_turn(among, number):
                times[way].append(await self._time(way, heartbeats))
        return times

    async def count(self, way: str) -> Counter[str]:
        """Count what one heartbeat of each device makes a way write."""
        heartbeats = await self.next_beats(1, 16)
        with written(self._hass) as events:
            self._ways.time(way, heartbeats)
            await self._hass.async_block_till_done()
        return Counter(str(event.event_type) for event in events)

    async def _warm_up(self, events: int, among: Sequence[str]) -> None:
        """Have all ways seen such heartbeats."""
        heartbeats = await self.next_beats(2, events)
        for way in among:
            self._ways.time(way, heartbeats)
        await self._hass.async_block_till_done()

    async def _time(self, way: str, heartbeats: Heartbeats) -> float:
        """Measure one way once; those who count would cost the peers, who write."""
        if way != VESPER:
            taken = self._ways.time(way, heartbeats)
            await self._hass.async_block_till_done()
            return taken
        with written(self._hass) as events:
            taken = self._ways.time(way, heartbeats)
            # What is written a little later is written too.
            await self._hass.async_block_till_done()
        self.written += events
        return taken


def writes(hass: HomeAssistant, events: Sequence[Event[Any]]) -> list[Figure]:
    """Tell what vesper has written beyond the telemetry that is due once a minute."""
    registry = er.async_get(hass)
    last: dict[str, float] = {}
    due, beyond = 0, Counter[str]()
    for event in events:
        entity_id, fired = event.data["entity_id"], event.time_fired_timestamp
        entity = registry.async_get(entity_id)
        if (
            event.event_type == EVENT_STATE_CHANGED
            and entity is not None
            and entity.unique_id.endswith(TELEMETRY)
            and fired - last.get(entity_id, 0) >= TELEMETRY_INTERVAL
        ):
            last[entity_id] = fired
            due += 1
        else:
            beyond[str(event.event_type)] += 1
    note = f"beside {due} of telemetry that were due"
    return [
        Figure(
            name=f"heartbeat.{event_type}",
            value=beyond[event_type],
            unit="writes",
            target=0,
            note=note,
        )
        for event_type in (str(EVENT_STATE_CHANGED), str(EVENT_STATE_REPORTED))
    ]


async def side_by_side(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure all ways in one Home Assistant."""
    rounds, each = (3, 2) if quick else (15, 3)
    ids = device_ids(DEVICES)
    async with home.running(config, broker, coordinator.COMPONENT) as hass:
        ways = Ways(hass)
        await ways.add_no_op()
        await ways.add_floor()
        await ways.add_vesper(ids)
        await ways.add_discovery(ids)
        await ways.add_coordinator(ids)
        bench = Bench(hass, ways, ids)
        times = await bench.measure(rounds, each, 16, WAYS)
        about = {way: await bench.count(way) for way in WAYS}
        small = await bench.measure(rounds, 2, 0, (FLOOR, VESPER))
        return [
            *(
                median_of(f"heartbeat.{way}", times[way], "µs", note=_told(about[way]))
                for way in WAYS
            ),
            ratio_of("heartbeat.vesper/floor", times[VESPER], times[FLOOR], target=1.3),
            *(
                ratio_of(
                    f"heartbeat.{peer}/vesper",
                    times[peer],
                    times[VESPER],
                    target=12,
                    limit="least",
                )
                for peer in PEERS
            ),
            *(
                median_of(f"heartbeat.small.{way}", small[way], "µs")
                for way in (FLOOR, VESPER)
            ),
            ratio_of(
                "heartbeat.small.vesper/floor", small[VESPER], small[FLOOR], target=1.6
            ),
            *writes(hass, bench.written),
        ]


def _told(counted: Counter[str]) -> str:
    """Return in words what one heartbeat of each device has made a way write."""
    return ", ".join(
        f"{number / DEVICES:g} {event_type}" for event_type, number in counted.items()
    )


def main() -> None:
    """Run from the command line."""
    home.lift_entity_cap(100_000)
    home.tell(__doc__, side_by_side)


if __name__ == "__main__":
    main()
