"""Check that each changed value writes exactly one state.

    python -m tests.benchmarks.changes [--quick]

And an alert four, those of the entities that show it. The clock is set, and no entity
is enabled by hand, so that nothing is written but what the messages change.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from custom_components.vesper.entity import VesperEntity
from custom_components.vesper.hub.registry import unique_id_of
from homeassistant.core import HomeAssistant
from tests.rig.broker import Broker

from . import environment
from .clock import Clock
from .figures import Figure
from .payloads import device_ids, heartbeat
from .state_writes import StateWrites, Writes, changed, stray_writes
from .subjects import VESPER, Subjects

DEVICES = 300

#: The entities that show what is changed: the first k of them.
KEYS = (
    "reset_reason",
    "last_disconnect",
    "heap_min_free",
    "heap_free",
    "wifi_signal",
    "device_log",
)
COUNTS = (1, 2, 4, 6)

#: The entities that show an alert.
SUBSYSTEM = "audio"
ALERT_KEYS = ("active_alerts", "health", "problem", f"alert_{SUBSYSTEM}")

#: On either side of what is little, which is written at once.
HEAPS = (120_000, 12_000)
SIGNALS = (-53, -66)
WIFI_UP = 2


def fields(number: int, count: int) -> dict[str, Any]:
    """Return heartbeat fields of which `count` have changed."""
    side = number % 2
    values = {
        "reset_reason": (1, 4)[side],
        "last_disconnect_code": (8, 200)[side],
        "heap_min_free": (9_000, 8_000)[side],
        "heap_free": HEAPS[side],
    }
    differing: dict[str, Any] = dict(list(values.items())[:count])
    # A new entry of the log, with another signal, is two values.
    newest = number if count > len(values) else 0
    differing["recent_events"] = [
        {
            "t": WIFI_UP,
            "d0": SIGNALS[(n + 1) % 2] % 2**16,
            "d1": 0,
            "ts": 1_790_000_000 + n,
            "up": 1000 + n,
        }
        for n in range(newest, newest + 16)
    ]
    return {"heap_free": HEAPS[0]} | differing


def is_enabled(entity: VesperEntity) -> bool:
    """Enable all but "last seen", written once a minute.

    Not by the registry: Home Assistant reloads an entry 30 s after an entity of it was
    enabled there, in a slow run in the middle of a measurement.
    """
    return entity.entity_description.key != "last_seen"


class Bench:
    """Rounds of changes of all devices."""

    def __init__(self, hass: HomeAssistant, subjects: Subjects, clock: Clock) -> None:
        """Set the fleet."""
        self._hass = hass
        self._subjects = subjects
        self._clock = clock
        self._input = environment.MqttInput(hass)
        self._ids = device_ids(DEVICES)
        self._number = 0

    async def async_measure(
        self,
        name: str,
        change: Callable[[int], object],
        keys: Sequence[str],
        rounds: int,
    ) -> Figure:
        """Change something in each round and count the writes."""
        found: Writes = Counter()
        # In the first rounds, what was changed before changes back.
        for at in range(-2, rounds):
            self._number += 1
            self._clock.set_to(self._number)
            writes = StateWrites(self._hass, "bell-")
            with writes.recording():
                change(self._number)
                await self._hass.async_block_till_done()
            if at >= 0:
                found.update(writes.by_entity())
        wanted = changed(
            unique_id_of(self._subjects.vesper.entry_id, device_id, key)
            for device_id in self._ids
            for key in keys
        )
        return stray_writes(
            f"{name}.stray_writes",
            found,
            Counter(dict.fromkeys(wanted, rounds)),
            f"beside {len(keys)} of {DEVICES} devices in {rounds} rounds",
        )

    def values(self, count: int) -> Callable[[int], object]:
        """Return what changes so many values by heartbeats."""
        return lambda number: self._subjects.receive_messages(
            self._subjects.messages(
                VESPER,
                (
                    (device_id, heartbeat(device_id, number, **fields(number, count)))
                    for device_id in self._ids
                ),
            )
        )

    def alert(self, number: int) -> None:
        """Raise an alert of each device, or clear it."""
        state = ("WARNING", "CLEARED")[number % 2]
        payload = orjson.dumps(
            {"subsystem": SUBSYSTEM, "state": state, "msg": "Broken"}
        )
        wildcard = f"{VESPER}/+/status/alerts"
        self._input.receive(
            [
                self._input.message(wildcard.replace("+", device_id), payload, wildcard)
                for device_id in self._ids
            ]
        )


async def async_measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Change some numbers of values, one after the other."""
    rounds = 2 if quick else 8
    entity_class: Any = VesperEntity
    entity_class.entity_registry_enabled_default = property(is_enabled)
    async with environment.running(config, broker) as hass:
        clock = Clock()
        subjects = Subjects(hass, device_ids(DEVICES))
        await subjects.async_add_vesper()
        bench = Bench(hass, subjects, clock)
        return [
            *[
                await bench.async_measure(
                    f"changes.{count}", bench.values(count), KEYS[:count], rounds
                )
                for count in COUNTS
            ],
            await bench.async_measure("changes.alert", bench.alert, ALERT_KEYS, rounds),
        ]


def main() -> None:
    """Run from the command line."""
    environment.run_command(__doc__, async_measure)


if __name__ == "__main__":
    main()
