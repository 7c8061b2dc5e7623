"""Measure what happens when something happens to all devices at once.

    .venv-release/bin/python -m tests.benchmarks.storms

A replay: the broker restarts, Home Assistant subscribes again and gets the heartbeat
that was kept of each device. It is taken in beside a subscriber that does nothing, by
the same restart: first what was kept for the one, then what was kept for the other.

A storm: the link is lost, it is back with a replay, then all devices are silent until
all are offline, then all speak again. Here every turn of the event loop is timed, which
itself takes time; so the costs of the replay are not taken from it.
"""

import argparse
import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
import logging
from pathlib import Path
import time
from typing import Any

from homeassistant.components import mqtt
from homeassistant.components.mqtt import client as mqtt_client
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from tests.rig.broker import Broker

from . import home
from .figures import Figure, hand_over, in_a_process, median_of, ratio_of
from .sender import SENTINEL, Burst, Sender
from .stalls import Collections, Stalls

SIZES = (1_000, 10_000)

#: So many of each device come before the first storm.
HEARTBEATS = 3

#: In seconds. Long enough that the slowest replay is over before anybody is due.
TIMEOUT = 60
#: In seconds: for so long at a time is looked whether there is still work, and how much
#: of that may be none.
LOOK = 0.5
IDLE = 0.05
PATIENCE = 300

#: In seconds. Home Assistant's own is 10, all of which would be waiting.
RECONNECT = 1

_LOGGER = logging.getLogger("vesper.benchmarks")


#: The topics of messages that are kept, and replayed before and after all others.
MARKS = ("before", "between", "after")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """How far a replay was when one of the messages came that mark its parts."""

    came: float
    """In seconds that the event loop's thread has used, garbage collection aside."""
    collected: float
    others: int
    """How many messages had come of those that nobody looks at."""


class Storms:
    """A fleet in Home Assistant, and what can happen to all of it."""

    def __init__(
        self,
        hass: HomeAssistant,
        broker: Broker,
        sender: Sender,
        hands: Executor,
        devices: int,
    ) -> None:
        """Take a Home Assistant in which the integration is not set up yet.

        Who waits for the broker's process has to be somebody else than it: the hands.
        """
        self._hass = hass
        self._broker = broker
        self._sender = sender
        self._hands = hands
        self.devices = devices
        self._number = 0
        self._nothing = 0
        self._marks: list[Mark] = []
        self._collections = Collections()
        self._marked = asyncio.Event()
        self._sent = asyncio.Event()
        self._gate = asyncio.Event()
        self._gate.set()
        self.entry: ConfigEntry[Any]

    async def prepare(self) -> None:
        """Subscribe, one after the other, and let all devices be known and online."""
        debouncer = self._hass.data["mqtt"].client._subscribe_debouncer  # noqa: SLF001
        subscribe = debouncer._callback  # noqa: SLF001

        async def subscribe_when_told() -> None:
            """Subscribe when the gate is open."""
            await self._gate.wait()
            await subscribe()

        debouncer._callback = subscribe_when_told  # noqa: SLF001
        mqtt_client.RECONNECT_INTERVAL_SECONDS = RECONNECT
        await home.subscribe(self._hass, SENTINEL, self._end)
        before, between, after = MARKS
        await home.subscribe(self._hass, f"{before}/+", self._mark)
        self.entry = home.vesper_entry(
            max_devices=self.devices, entities="essential", heartbeat_timeout=TIMEOUT
        )
        await self._hass.config_entries.async_add(self.entry)
        await home.subscribe(self._hass, f"{between}/+", self._mark)
        await home.subscribe(self._hass, "no-op/+/status/heartbeat", self._do_nothing)
        await home.subscribe(self._hass, f"{after}/+", self._mark)
        for name in MARKS:
            await mqtt.async_publish(self._hass, f"{name}/mark", name, 1, retain=True)
        # As of a fleet that runs: what it says is known by then.
        for _ in range(HEARTBEATS):
            await self.speak("vesper")
        await self.speak("no-op")
        await self.settle()

    async def speak(self, way: str = "vesper") -> None:
        """Let all devices of a way send a heartbeat, and wait until it is taken in."""
        self._sent.clear()
        self._number += 1
        self._sender.send(
            Burst(way=way, devices=self.devices, number=self._number, retain=True)
        )
        async with asyncio.timeout(PATIENCE):
            await self._sent.wait()

    async def lose_link(self) -> None:
        """Stop the broker, and wait until all entities show it."""
        await self._by_hand(self._broker.stop)
        await self._until(lambda: not mqtt.is_connected(self._hass))
        await self.settle()

    async def regain_link(self) -> None:
        """Start the broker, and wait until all entities show it; no replay yet."""
        self._gate.clear()
        await self._by_hand(self._broker.start)
        await self._until(lambda: mqtt.is_connected(self._hass))
        await self.settle()

    async def replay(self) -> tuple[float, float, float]:
        """Subscribe again; return the seconds that it takes ours, and the other.

        And those of garbage collection, which falls to the one or the other by chance.

        Raises RuntimeError where anything of it was lost.
        """
        heard = self.heard
        self._marks.clear()
        self._marked.clear()
        self._gate.set()
        async with asyncio.timeout(PATIENCE):
            with self._collections:
                await self._marked.wait()
        before, between, after = self._marks
        ours = self.heard - heard
        others = (between.others - before.others, after.others - between.others)
        if (ours, others) != (self.devices, (0, self.devices)):
            msg = f"Of {self.devices} were replayed {ours}, and beside {others}"
            raise RuntimeError(msg)
        return (
            between.came - before.came,
            after.came - between.came,
            after.collected - before.collected,
        )

    async def regain_all(self) -> None:
        """Start the broker, and let the replay meet the link that is just back."""
        self._marks.clear()
        self._marked.clear()
        await self._by_hand(self._broker.start)
        async with asyncio.timeout(PATIENCE):
            await self._marked.wait()
        await self.settle()

    async def until_offline(self) -> None:
        """Wait until all devices are offline, of which nobody is heard."""
        await self._until(lambda: self.online == 0)
        await self.settle()

    async def come_back(self) -> None:
        """Let all devices speak that were offline, and wait until all shows that."""
        await self.speak()
        await self.settle()

    async def settle(self) -> None:
        """Wait until the event loop has nothing to do any more."""
        used = time.thread_time()
        while True:
            await asyncio.sleep(LOOK)
            used, before = time.thread_time(), used
            if used - before < IDLE * LOOK:
                return

    @property
    def online(self) -> int:
        """Return how many devices are online."""
        devices = self.entry.runtime_data.devices.values()
        return sum(device.online is True for device in devices)

    @property
    def heard(self) -> int:
        """Return how many messages the integration has heard."""
        devices = self.entry.runtime_data.devices.values()
        return sum(device.received.total for device in devices)

    async def _by_hand(self, do: Callable[[], None]) -> None:
        """Wait for a process in a thread of its own: the event loop must not."""
        await asyncio.get_running_loop().run_in_executor(self._hands, do)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        """Look again and again until it is so."""
        async with asyncio.timeout(PATIENCE):
            while not is_so():  # noqa: ASYNC110  # not all of it tells when
                await asyncio.sleep(LOOK)

    @callback
    def _do_nothing(self, _: mqtt.ReceiveMessage) -> None:
        """Count, so that nothing is lost unseen."""
        self._nothing += 1

    @callback
    def _end(self, _: mqtt.ReceiveMessage) -> None:
        """Note that all of a burst is there."""
        self._sent.set()

    @callback
    def _mark(self, _: mqtt.ReceiveMessage) -> None:
        """Note how far we are."""
        collected = self._collections.total
        self._marks.append(
            Mark(
                came=time.thread_time() - collected,
                collected=collected,
                others=self._nothing,
            )
        )
        if len(self._marks) == len(MARKS):
            self._marked.set()


async def measure(
    devices: int, rounds: int, config: Path, broker: Broker
) -> list[Figure]:
    """Return the figures of a fleet of so many devices."""
    with Sender(broker.address) as sender, ThreadPoolExecutor(max_workers=1) as hands:
        async with home.running(config, broker) as hass:
            storms = Storms(hass, broker, sender, hands, devices)
            await storms.prepare()
            name = f"storms.{devices}"
            return [
                *await _replays(name, storms, rounds),
                *await _storm(name, storms),
            ]


async def _replays(name: str, storms: Storms, rounds: int) -> list[Figure]:
    """Return the figures of so many restarts of the broker."""
    lost, regained, ours, others, collected = [], [], [], [], []
    for _ in range(rounds):
        start = time.thread_time()
        await storms.lose_link()
        lost.append(time.thread_time() - start)
        start = time.thread_time()
        await storms.regain_link()
        regained.append(time.thread_time() - start)
        mine, other, collection = await storms.replay()
        ours.append(mine)
        others.append(other)
        collected.append(collection)
        if storms.online != storms.devices:
            msg = f"Only {storms.online} are online: the machine is too slow"
            raise RuntimeError(msg)
    return [
        ratio_of(f"{name}.replay.vesper_to_no_op", ours, others, target=1.3),
        median_of(f"{name}.replay.vesper", ours, "s"),
        median_of(f"{name}.replay.no-op", others, "s"),
        median_of(f"{name}.replay.collected", collected, "s", note="by the two"),
        median_of(
            f"{name}.link_lost",
            lost,
            "s",
            note="entities that need the link are written",
        ),
        median_of(
            f"{name}.link_back",
            regained,
            "s",
            note="entities that need the link are written",
        ),
    ]


async def _storm(name: str, storms: Storms) -> list[Figure]:
    """Return the longest stalls, and whose they were."""
    phases = {
        "link_lost": storms.lose_link,
        "replay": storms.regain_all,
        "silent": storms.until_offline,
        "back": storms.come_back,
    }
    figures = []
    for phase, happen in phases.items():
        stalls = Stalls()
        start = time.thread_time()
        with stalls.recording():
            await happen()
        used = time.thread_time() - start
        for stall in stalls.worst(5):
            _LOGGER.warning("%s.%s: %s", name, phase, stall.told)
        figures += [
            Figure(
                name=f"{name}.{phase}.stall.ours",
                value=stalls.ours.used * 1e3,
                unit="ms",
                target=10,
                note=stalls.ours.what,
            ),
            Figure(name=f"{name}.{phase}.stall", value=stalls.longest * 1e3, unit="ms"),
            Figure(
                name=f"{name}.{phase}.collection",
                value=max(stalls.collections, default=0) * 1e3,
                unit="ms",
                note=f"the longest of {len(stalls.collections)} garbage collections, "
                f"{sum(stalls.collections):.2f} s of {used:.2f} s",
            ),
        ]
    return figures


def _of_size(devices: int, options: argparse.Namespace) -> list[Figure]:
    """Measure a fleet of so many devices, and nothing else in this process."""
    # Home Assistant takes so many entities of nobody.
    home.lift_entity_cap(20 * devices + 1000)
    rounds = 2 if options.quick else max(5, 20_000 // devices)
    return home.run(partial(measure, devices, rounds), persistent=True, unbounded=True)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--devices", type=int, help="so many alone")
    options = parser.parse_args()
    if options.devices or options.quick:
        figures = _of_size(options.devices or SIZES[0], options)
    else:
        # What one Home Assistant leaves behind in a process is not the next one's load.
        figures = [
            figure
            for devices in SIZES
            for figure in in_a_process(__spec__.name, "--devices", str(devices))
        ]
    hand_over(figures)


if __name__ == "__main__":
    main()
