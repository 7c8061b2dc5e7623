"""Measure an unchanged heartbeat beside the floor and peers.

    python -m tests.benchmarks.heartbeat [--quick]

1,000 devices with the default entities send heartbeats of 16 events at their rhythm:
the clock moves by 30 s from round to round, uptime and free heap with it. The free heap
is written once a minute, so every second heartbeat is unchanged, which has the targets;
the others cost one state write of Home Assistant. Messages are handed to Home
Assistant's MQTT client in process.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from custom_components.vesper.hub.registry import unique_id_of
from homeassistant.core import HomeAssistant
from tests.rig.broker import Broker

from . import coordinator, environment
from .clock import Clock
from .figures import Figure, median_of, ratio_of
from .payloads import device_ids
from .state_writes import StateWrites, Writes, changed, stray_writes
from .subjects import FLOOR, NO_OP, PEERS, VESPER, Subjects, in_turn

SUBJECTS = (NO_OP, FLOOR, VESPER, *PEERS)
DEVICES = 1000

#: The heartbeats of even numbers write the free heap.
WARM_UP = 2

type Times = dict[str, list[float]]


class Bench:
    """Rounds in which the subjects take turns.

    Heartbeats are numbered on from round to round.
    """

    def __init__(self, hass: HomeAssistant, subjects: Subjects, clock: Clock) -> None:
        """Set the subjects."""
        self._hass = hass
        self._subjects = subjects
        self._clock = clock
        self._number = 1
        self.writes: Writes = Counter()
        """What vesper wrote at unchanged heartbeats."""
        self.heap_writes: Writes = Counter()
        """What it wrote at the others."""
        self.rounds = 0

    async def async_measure(
        self, rounds: int, names: Sequence[str], events: int = 16
    ) -> tuple[Times, Times]:
        """Return each round's microseconds, without and with a write.

        The write is that of the free heap.
        """
        unchanged: Times = {name: [] for name in names}
        written: Times = {name: [] for name in names}
        for number in range(-WARM_UP, rounds):
            for times in (written, unchanged):
                self._number += 1
                self._clock.set_to(self._number)
                for name in in_turn(names, number):
                    taken = await self._async_receive(name, events, count=number >= 0)
                    if number >= 0:
                        times[name].append(taken)
            self.rounds += number >= 0
        return unchanged, written

    async def _async_receive(self, name: str, events: int, *, count: bool) -> float:
        """Measure one subject once.

        Only the writes of Vesper are counted, as counting would cost the peers time.
        """
        if name != VESPER or not count:
            taken = self._subjects.receive(name, self._number, events)
            await self._hass.async_block_till_done()
            return taken
        writes = StateWrites(self._hass)
        with writes.recording():
            taken = self._subjects.receive(name, self._number, events)
            # What is written a little later counts too.
            await self._hass.async_block_till_done()
        found = self.writes if self._number % 2 else self.heap_writes
        found.update(writes.by_entity())
        return taken

    async def async_count(self, name: str) -> str:
        """Return what an unchanged heartbeat makes a subject write."""
        self._number += 2
        self._clock.set_to(self._number)
        writes = StateWrites(self._hass)
        with writes.recording():
            await self._async_receive(name, 16, count=False)
        return f"{writes.total / DEVICES:g} state writes each"


async def async_measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure all subjects in one Home Assistant."""
    rounds = 5 if quick else 21
    ids = device_ids(DEVICES)
    async with environment.running(config, broker, coordinator.COMPONENT) as hass:
        clock = Clock()
        subjects = Subjects(hass, ids)
        await subjects.async_add_callbacks()
        entry = await subjects.async_add_vesper()
        await subjects.async_add_peers()
        bench = Bench(hass, subjects, clock)
        unchanged, written = await bench.async_measure(rounds, SUBJECTS)
        notes = {name: await bench.async_count(name) for name in PEERS}
        small, _ = await bench.async_measure(rounds, (FLOOR, VESPER), events=0)
        heap = [
            unique_id_of(entry.entry_id, device_id, "heap_free") for device_id in ids
        ]
        about = f"by {DEVICES} devices in {bench.rounds} rounds"
        return [
            *(
                median_of(
                    f"heartbeat.{name}", unchanged[name], "µs", note=notes.get(name, "")
                )
                for name in SUBJECTS
            ),
            ratio_of(
                "heartbeat.vesper/floor", unchanged[VESPER], unchanged[FLOOR], target=2
            ),
            *(
                ratio_of(
                    f"heartbeat.{peer}/vesper",
                    unchanged[peer],
                    unchanged[VESPER],
                    target=10,
                    limit="least",
                )
                for peer in PEERS
            ),
            stray_writes("heartbeat.writes", bench.writes, Counter(), about),
            stray_writes(
                "heartbeat.stray_heap_writes",
                bench.heap_writes,
                Counter(dict.fromkeys(changed(heap), bench.rounds)),
                f"{about}, beside one each",
            ),
            median_of("heartbeat.with_heap_write", written[VESPER], "µs"),
            *(
                ratio_of(
                    f"heartbeat.{peer}/vesper_mean",
                    unchanged[peer],
                    [
                        sum(both) / 2
                        for both in zip(unchanged[VESPER], written[VESPER], strict=True)
                    ],
                    note="with a heap write at every second heartbeat",
                )
                for peer in PEERS
            ),
            median_of("heartbeat.small.vesper", small[VESPER], "µs", note="no events"),
            ratio_of("heartbeat.small.vesper/floor", small[VESPER], small[FLOOR]),
        ]


def main() -> None:
    """Run from the command line."""
    environment.lift_entity_limit(100_000)
    environment.run_command(__doc__, async_measure)


if __name__ == "__main__":
    main()
