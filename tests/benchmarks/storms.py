"""Measure how long whole-fleet changes block the event loop.

    python -m tests.benchmarks.storms [--quick]

The link is lost; it is back, with the retained heartbeats of all devices; all devices
time out; all are online again; an hour ends, which updates the availability of all.
Each call of the event loop is timed, and the longest of ours compared with 1,000 bare
state writes in the same Home Assistant.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
import logging
from pathlib import Path
import time

from homeassistant.components import mqtt
from homeassistant.components.mqtt import client as mqtt_client
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from tests.rig.broker import Broker

from . import environment, payloads
from .figures import Figure
from .histories import fill_histories
from .sender import SENTINEL, Burst, Sender
from .stalls import Stalls
from .state_writes import BARE, WRITES, BareWrites
from .waiting import TIMEOUT, async_settle, async_until

#: The most that one entry can have, with essential entities.
DEVICES = 3_000
QUICK_DEVICES = 2_000

#: In seconds: long enough that the slowest replay is over before a device is due.
HEARTBEAT_TIMEOUT = 60
QUICK_HEARTBEAT_TIMEOUT = 20

#: In seconds. Home Assistant's own is 10, all of which would be waiting.
RECONNECT_INTERVAL = 1

PHASES = ("link_lost", "replay", "expiry", "back_online", "hour")

_LOGGER = logging.getLogger("vesper.benchmarks")


class Storms:
    """A fleet, and what can happen to it."""

    def __init__(
        self,
        hass: HomeAssistant,
        broker: Broker,
        sender: Sender,
        executor: Executor,
        devices: int,
    ) -> None:
        """Set what is stopped, started and sent.

        The executor waits for the broker's process, as the event loop must not.
        """
        self._hass = hass
        self._broker = broker
        self._sender = sender
        self._executor = executor
        self.devices = devices
        self._start = time.monotonic()
        self._number = 0
        self._sent = asyncio.Event()
        self._entry: ConfigEntry

    async def async_add(self, heartbeat_timeout: int) -> None:
        """Add the integration, and let all devices be online.

        Raises RuntimeError if any of them is not.
        """
        mqtt_client.RECONNECT_INTERVAL_SECONDS = RECONNECT_INTERVAL
        await environment.subscribe(self._hass, SENTINEL, self._async_sent)
        self._entry = environment.vesper_entry(
            max_devices=self.devices,
            entities="essential",
            heartbeat_timeout=heartbeat_timeout,
        )
        await self._hass.config_entries.async_add(self._entry)
        # The second one finds all entities added.
        for _ in range(2):
            await self._async_send()
            await async_settle()
        if self._online != self.devices:
            msg = f"{self._online} of {self.devices} devices are online"
            raise RuntimeError(msg)
        devices = self._entry.runtime_data.devices
        fill_histories(devices.values(), time.time())

    async def async_run(self, phase: str) -> None:
        """Let one thing happen to all devices.

        Returns when it has no more effect.
        """
        match phase:
            case "link_lost":
                await self._async_execute(self._broker.stop)
                await async_until(lambda: not mqtt.is_connected(self._hass))
            case "replay":
                wanted = self._received + self.devices
                await self._async_execute(self._broker.start)
                await async_until(lambda: self._received >= wanted)
            case "expiry":
                await async_until(lambda: self._online == 0)
            case "back_online":
                await self._async_send()
            case "hour":
                # No benchmark waits for the next one.
                insight = self._entry.runtime_data.insight
                await self._hass.async_create_task(
                    insight.async_update(), "Vesper hour", eager_start=False
                )
        await async_settle()

    async def _async_send(self) -> None:
        """Let all devices send a heartbeat.

        Returns when all are received.
        """
        self._sent.clear()
        self._number += 1
        uptime = payloads.UPTIME + int(time.monotonic() - self._start)
        self._sender.send(
            Burst(
                prefix="vesper",
                devices=self.devices,
                number=self._number,
                retain=True,
                uptime=uptime,
            )
        )
        async with asyncio.timeout(TIMEOUT):
            await self._sent.wait()

    @property
    def _online(self) -> int:
        """Return how many devices are online."""
        devices = self._entry.runtime_data.devices.values()
        return sum(device.online is True for device in devices)

    @property
    def _received(self) -> int:
        """Return how many messages the integration received."""
        devices = self._entry.runtime_data.devices.values()
        return sum(device.message_log.total for device in devices)

    async def _async_execute(self, function: Callable[[], None]) -> None:
        """Wait for a process in another thread."""
        await asyncio.get_running_loop().run_in_executor(self._executor, function)

    @callback
    def _async_sent(self, _: mqtt.ReceiveMessage) -> None:
        """Handle the end of a burst."""
        self._sent.set()


async def async_measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure each phase of a storm."""
    devices = QUICK_DEVICES if quick else DEVICES
    with (
        Sender(broker.address) as sender,
        ThreadPoolExecutor(max_workers=1) as executor,
    ):
        async with environment.running(config, broker, BARE) as hass:
            storms = Storms(hass, broker, sender, executor, devices)
            await storms.async_add(
                QUICK_HEARTBEAT_TIMEOUT if quick else HEARTBEAT_TIMEOUT
            )
            bare_writes = BareWrites(hass)
            await bare_writes.async_add()
            bare = bare_writes.time()
            figures = [
                Figure(
                    name="storms.bare_writes",
                    value=bare,
                    unit="ms",
                    note=f"{WRITES} of them",
                )
            ]
            for phase in PHASES:
                stalls = Stalls()
                start = time.thread_time()
                with stalls.recording():
                    await storms.async_run(phase)
                used = time.thread_time() - start
                for stall in stalls.longest(5, ours=False):
                    _LOGGER.warning(
                        "%s: %.1f ms, and %.1f ms of garbage collection: %s",
                        phase,
                        stall.used * 1e3,
                        stall.collected * 1e3,
                        stall.what,
                    )
                longest = stalls.longest()
                figures.append(
                    Figure(
                        name=f"storms.{phase}/bare_writes",
                        value=longest[0].used * 1e3 / bare if longest else 0,
                        unit="x",
                        target=1,
                        note=f"{longest[0].used * 1e3:.1f} ms of {used:.1f} s, "
                        f"{devices} devices: {longest[0].what}"
                        if longest
                        else "",
                    )
                )
        return figures


def main() -> None:
    """Run from the command line."""
    environment.run_command(__doc__, async_measure, persistent=True, unbounded=True)


if __name__ == "__main__":
    main()
