"""Measure several sites in one Home Assistant.

    python -m tests.benchmarks.sites [--quick]
    python -m tests.benchmarks.sites --sites 4 --devices 2500 --entities essential

Without arguments: 1,000 devices with all entities in one entry, 3,000 with the
essential ones in one, and 10,000 in four. Home Assistant's limit of entities counts.
The devices are known from an earlier run, in a process of its own, and have a full
history; then Home Assistant starts, and what a user notices is measured in turn.

Times are those of the event loop's thread unless they are called wall times, in which
the broker, the sender and the browser have the same machine.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
import gc
import json
import logging
from pathlib import Path
import subprocess
import sys
import threading
import time
from typing import Any

from homeassistant.components import mqtt
from homeassistant.components.mqtt import client as mqtt_client
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, HomeAssistant, callback
from tests.rig.broker import Broker, BrokerAddress

from . import board, environment
from .figures import Figure, run_process, write_figures
from .histories import fill_histories
from .memory import resident
from .payloads import UPTIME
from .rhythm import Rhythm, async_send
from .sender import Burst, Sender
from .stalls import Stalls
from .subjects import NoOp
from .waiting import async_settle, async_until

#: Sites, devices of each, entities, and for how many rounds of heartbeats.
FLEETS = ((1, 1_000, "all", 4), (1, 3_000, "essential", 4), (4, 2_500, "essential", 10))

#: One of so many devices goes silent, and raises an alert.
SHARE = 5

#: In seconds: the default.
HEARTBEAT_TIMEOUT = 90
IDLE_SECONDS = 10
NO_OP_ROUNDS = 1

#: More rounds than any phase lasts, at the end of which they are stopped.
LASTING = 40

#: In seconds. Home Assistant's own is 10, all of which would be waiting.
RECONNECT_INTERVAL = 1

CONFIGURATION = environment.CONFIGURATION + board.CONFIGURATION

ARTIFACTS = Path(__file__).parents[2] / ".cache" / "bench"

_LOGGER = logging.getLogger("vesper.benchmarks")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """What is measured."""

    sites: int
    devices: int
    """Of each site."""
    entities: str
    rounds: int
    """How many heartbeats each device sends at its rhythm."""
    booted: float
    """When the uptime of the devices was `UPTIME`."""

    @property
    def prefixes(self) -> list[str]:
        """Return the topic prefixes of the sites."""
        return [f"site-{number}" for number in range(self.sites)]

    @property
    def total(self) -> int:
        """Return how many devices there are."""
        return self.sites * self.devices

    def bursts(self, **about: Any) -> Iterator[Burst]:
        """Yield a burst of each site."""
        uptime = UPTIME + int(time.time() - self.booted)
        for prefix in self.prefixes:
            yield Burst(
                prefix=prefix,
                devices=self.devices,
                number=0,
                retain=True,
                uptime=uptime,
                **about,
            )

    def rhythm(self, rounds: int, silent: int = 0) -> Rhythm:
        """Return the heartbeats of all sites."""
        return Rhythm(
            prefixes=self.prefixes,
            devices=self.devices,
            booted=self.booted,
            rounds=rounds,
            silent=silent,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Remote:
    """A broker of another process."""

    address: BrokerAddress


class Devices:
    """All devices of all entries."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Set the Home Assistant."""
        self._hass = hass

    def __iter__(self) -> Iterator[Any]:
        """Yield them."""
        for entry in self._hass.config_entries.async_entries("vesper"):
            yield from entry.runtime_data.devices.values()

    def count(self, is_so: Callable[[Any], bool]) -> int:
        """Return for how many a condition is met."""
        return sum(is_so(device) for device in self)

    @property
    def online(self) -> int:
        """Return how many are online."""
        return self.count(lambda device: device.online is True)

    def have_alerts(self, number: int) -> bool:
        """Return whether so many have an active alert."""
        return self.count(lambda device: bool(device.alerts.active)) == number

    @property
    def received(self) -> int:
        """Return how many messages were received."""
        return sum(device.message_log.total for device in self)


async def async_prepare(
    fleet: Fleet, config: Path, address: BrokerAddress
) -> dict[str, float]:
    """Make the sites known; return a start without."""
    board.prepare(config)
    wall, used = time.monotonic(), time.thread_time()
    async with environment.running(
        config, _Remote(address=address), configuration=CONFIGURATION
    ) as hass:
        await async_until(lambda: mqtt.is_connected(hass))
        start = {"wall": time.monotonic() - wall, "used": time.thread_time() - used}
        gc.collect()
        start["resident"] = resident()
        for prefix in fleet.prefixes:
            entry = environment.vesper_entry(
                prefix,
                max_devices=fleet.devices,
                entities=fleet.entities,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
            )
            await hass.config_entries.async_add(entry)
        await async_settle()
        devices = Devices(hass)
        with Sender(address) as sender:
            # The second one finds all entities added.
            for _ in range(2):
                for burst in fleet.bursts():
                    sender.send(burst)
                await async_until(lambda: len(list(devices)) == fleet.total)
                await async_settle()
            # On a busy machine, the loop may have been waiting for a processor.
            await async_until(lambda: devices.online == fleet.total)
        fill_histories(devices, time.time())
        for entry in hass.config_entries.async_entries("vesper"):
            await hass.config_entries.async_unload(entry.entry_id)
        await async_settle()
    return start


class Measurement:
    """What happens to a Home Assistant with sites."""

    def __init__(
        self, fleet: Fleet, hass: HomeAssistant, broker: Broker, sender: Sender
    ) -> None:
        """Set what is measured, with what."""
        self._fleet = fleet
        self._hass = hass
        self._broker = broker
        self._sender = sender
        self._devices = Devices(hass)
        self._name = f"sites.{fleet.total}_{fleet.entities}"
        self.figures: list[Figure] = []

    def add(self, name: str, value: float, unit: str, note: str = "") -> None:
        """Add a figure."""
        figure = Figure(name=f"{self._name}.{name}", value=value, unit=unit, note=note)
        _LOGGER.warning("%s: %.3f %s %s", figure.name, value, unit, note)
        self.figures.append(figure)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure the stalls and time of a phase."""
        stalls = Stalls()
        wall, used = time.monotonic(), time.thread_time()
        with stalls.recording():
            yield
        wall, used = time.monotonic() - wall, time.thread_time() - used
        self.add_stalls(name, stalls)
        self.add(f"{name}.used", used, "s", f"of {wall:.1f} s")

    def add_stalls(self, name: str, stalls: Stalls) -> None:
        """Add the longest stall, ours and of all."""
        for kind, ours in (("ours", True), ("any", False)):
            for stall in stalls.longest(1, ours=ours):
                self.add(
                    f"{name}.stall_{kind}",
                    stall.used * 1e3,
                    "ms",
                    f"and {stall.collected * 1e3:.0f} ms of collection: {stall.what}",
                )
        collected = stalls.longest_collection
        self.add(f"{name}.stall_collection", collected * 1e3, "ms")

    async def async_idle(self) -> float:
        """Return the share of a core without messages."""
        used = time.thread_time()
        await asyncio.sleep(IDLE_SECONDS)
        return (time.thread_time() - used) / IDLE_SECONDS

    async def async_heartbeats(self) -> None:
        """Measure heartbeats at their rhythm.

        After the retained ones of the start, the first live ones write states.
        """
        await async_send(self._broker.address, self._fleet.rhythm(1))
        idle = await self.async_idle()
        writes: list[str] = []

        @callback
        def count(event: Event[Any]) -> None:
            """Count a state write."""
            writes.append(event.data["entity_id"])

        stop = self._hass.bus.async_listen(EVENT_STATE_CHANGED, count)
        rhythm = self._fleet.rhythm(self._fleet.rounds)
        before = self._devices.received
        wall, used, process = await self._async_timed(rhythm)
        stop()
        received = self._devices.received - before
        if received != rhythm.heartbeats:
            msg = f"{received} of {rhythm.heartbeats} heartbeats were received"
            raise RuntimeError(msg)
        rate = f"{received / wall:.0f} a second for {wall:.0f} s"
        self.add("heartbeats.share", used / wall * 100, "%", rate)
        self.add("heartbeats.process_share", process / wall * 100, "%", "all threads")
        self.add("heartbeats.idle", idle * 100, "%", "without them")
        each = (used - idle * wall) / received * 1e6
        self.add("heartbeats.each", each, "µs", "without the idle share")
        no_op = await self._async_no_op(idle)
        self.add("heartbeats.each/no-op", each / no_op, "x", f"that is {no_op:.0f} µs")
        self.add("heartbeats.writes", len(writes) / received, "x", "states of each")
        self.add("heartbeats.online", self._devices.online, "devices")

    async def _async_no_op(self, idle: float) -> float:
        """Return the microseconds without the integration.

        Of the same heartbeats at the same rhythm, for a callback that does nothing.
        """
        prefixes = [f"no-op-{number}" for number in range(self._fleet.sites)]
        subject = NoOp()
        for prefix in prefixes:
            topic = f"{prefix}/+/status/heartbeat"
            await environment.subscribe(self._hass, topic, subject.receive)
        rhythm = replace(
            self._fleet.rhythm(NO_OP_ROUNDS), prefixes=prefixes, retain=False
        )
        wall, used, _ = await self._async_timed(rhythm)
        return (used - idle * wall) / subject.received * 1e6

    async def _async_timed(self, rhythm: Rhythm) -> tuple[float, float, float]:
        """Return the times of wall, thread and process."""
        wall = time.monotonic()
        used, process = time.thread_time(), time.process_time()
        await async_send(self._broker.address, rhythm)
        await async_settle()
        return (
            time.monotonic() - wall,
            time.thread_time() - used,
            time.process_time() - process,
        )

    async def async_silence(self) -> None:
        """Let a fifth go offline and come back."""
        silent = self._fleet.rhythm(LASTING, SHARE)
        expected = silent.heartbeats // LASTING
        with self.phase("silence"):
            async with self.sending(silent):
                await async_until(lambda: self._devices.online == expected)
        with self.phase("return"):
            async with self.sending(self._fleet.rhythm(LASTING)):
                await async_until(lambda: self._devices.online == self._fleet.total)

    @asynccontextmanager
    async def sending(self, rhythm: Rhythm) -> AsyncIterator[None]:
        """Send heartbeats within the context."""
        sending = asyncio.create_task(async_send(self._broker.address, rhythm))
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def async_alerts(self) -> None:
        """Let a fifth raise an alert at once."""
        raised = len(range(0, self._fleet.devices, SHARE)) * self._fleet.sites
        for name, state, wanted in (
            ("alerts", "FAILED", raised),
            ("cleared", "CLEARED", 0),
        ):
            with self.phase(name):
                for burst in self._fleet.bursts(alert=state, every=SHARE):
                    self._sender.send(burst)
                await async_until(partial(self._devices.have_alerts, wanted))
                await async_settle()

    async def async_broker_restart(self, execute: Callable[..., Any]) -> None:
        """Restart the broker, which then sends all retained heartbeats."""
        with self.phase("link_lost"):
            await execute(self._broker.stop)
            await async_until(lambda: not mqtt.is_connected(self._hass))
            await async_settle()
        wanted = self._devices.received + self._fleet.total
        with self.phase("replay"):
            await execute(self._broker.start)
            await async_until(lambda: self._devices.received >= wanted)
            await async_settle()

    async def async_board(self, execute: Callable[..., Any]) -> None:
        """Open the board and show a new alert."""
        board.find_stubs()
        login = await board.async_login(self._hass)
        for burst in self._fleet.bursts():
            self._sender.send(burst)
        await async_until(lambda: self._devices.online == self._fleet.total)
        await async_settle()
        raised = threading.Event()
        shown = execute(
            board.show, login, ARTIFACTS / f"board-{self._fleet.total}", raised
        )
        used = time.thread_time()
        await async_until(lambda: raised.is_set() or shown.done(), interval=0.01)
        self.add("board.server", time.thread_time() - used, "s", "opened twice")
        # One device of the first site.
        burst = next(
            iter(self._fleet.bursts(alert="FAILED", every=self._fleet.devices))
        )
        self._sender.send(burst)
        result: board.Shown = await shown
        self.add("board.first", result.first, "s", "wall time")
        self.add("board.first_blocked", result.first_blocked, "s", "the longest task")
        self.add("board.again", result.again, "s", "wall time")
        self.add("board.update", result.update * 1e3, "ms", "wall time")
        blocked = result.update_blocked * 1e3
        self.add("board.update_blocked", blocked, "ms", "the longest task over 50 ms")
        self.add("board.heap", result.heap, "MB")


async def async_measure(
    fleet: Fleet, config: Path, broker: Broker, *, with_board: bool
) -> list[Figure]:
    """Start Home Assistant with known sites, and measure."""
    address = broker.address
    start = await _async_prepared(fleet, config, broker)
    mqtt_client.RECONNECT_INTERVAL_SECONDS = RECONNECT_INTERVAL
    stalls = Stalls()
    wall, used = time.monotonic(), time.thread_time()
    with (
        Sender(address) as sender,
        ThreadPoolExecutor(max_workers=1) as executor,
        ExitStack() as recording,
    ):
        recording.enter_context(stalls.recording())
        execute = partial(asyncio.get_running_loop().run_in_executor, executor)
        async with environment.running(
            config, broker, configuration=CONFIGURATION
        ) as hass:
            measurement = Measurement(fleet, hass, broker, sender)
            devices = Devices(hass)
            started = time.monotonic() - wall
            await async_until(lambda: devices.received >= fleet.total, interval=0.05)
            ready, used = time.monotonic() - wall, time.thread_time() - used
            recording.close()
            measurement.add("start.wall", ready, "s", f"running after {started:.1f} s")
            measurement.add("start.used", used, "s")
            without = f"{start['wall']:.1f} s of wall time"
            measurement.add("start.without", start["used"], "s", without)
            measurement.add_stalls("start", stalls)
            entities = len(hass.states.async_entity_ids())
            measurement.add("entities", entities, "states")
            await async_settle()
            gc.collect()
            size = resident()
            measurement.add("memory", size / 1e6, "MB")
            each = (size - start["resident"]) / fleet.total / 1e3
            without = f"{start['resident'] / 1e6:.0f} MB without sites"
            measurement.add("memory.device", each, "kB", without)
            if fleet.rounds:
                await measurement.async_heartbeats()
                await measurement.async_silence()
            await measurement.async_alerts()
            await measurement.async_broker_restart(execute)
            measurement.add("memory.after", resident() / 1e6, "MB")
            if with_board:
                # So that all devices are online while the board is shown.
                async with measurement.sending(fleet.rhythm(LASTING)):
                    await measurement.async_board(execute)
            return measurement.figures


async def _async_prepared(
    fleet: Fleet, config: Path, broker: Broker
) -> dict[str, float]:
    """Run `async_prepare` in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __spec__.name, *_arguments(fleet)),
        *("--prepare", str(config), "--port", str(broker.address.port)),
        stdout=subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        msg = f"The sites can't be prepared: {process.returncode}"
        raise RuntimeError(msg)
    start: dict[str, float] = json.loads(output)
    return start


def _arguments(fleet: Fleet) -> list[str]:
    """Return the arguments that describe a fleet."""
    return [
        *("--sites", str(fleet.sites), "--devices", str(fleet.devices)),
        *("--entities", fleet.entities, "--rounds", str(fleet.rounds)),
        *("--booted", str(fleet.booted)),
    ]


def main() -> None:
    """Run from the command line.

    Each fleet has a process of its own.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less, for trying it out")
    parser.add_argument("--sites", type=int, default=2)
    parser.add_argument("--devices", type=int, help="of each site; only these")
    parser.add_argument("--entities", default="essential")
    parser.add_argument(
        "--rounds", type=int, default=2, help="of heartbeats; 0 for the board alone"
    )
    parser.add_argument("--no-board", action="store_true", help="without a browser")
    parser.add_argument("--booted", type=float, default=time.time())
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.devices or options.quick:
        fleet = Fleet(
            sites=options.sites,
            devices=options.devices or 100,
            entities=options.entities,
            rounds=options.rounds,
            booted=options.booted,
        )
        if options.prepare:
            address = BrokerAddress(host="127.0.0.1", port=options.port, protocol="5")
            prepared = asyncio.run(async_prepare(fleet, options.prepare, address))
            json.dump(prepared, sys.stdout)
            return
        measure = partial(async_measure, fleet, with_board=not options.no_board)
        write_figures(environment.run(measure, persistent=True, unbounded=True))
        return
    figures: list[Figure] = []
    for sites, devices, entities, rounds in FLEETS:
        fleet = Fleet(
            sites=sites,
            devices=devices,
            entities=entities,
            rounds=rounds,
            booted=options.booted,
        )
        figures += run_process(__spec__.name, *_arguments(fleet))
    write_figures(figures)


if __name__ == "__main__":
    main()
