"""Measure an unchanged heartbeat through a real broker.

    python -m tests.benchmarks.wire [--quick]

Another process publishes a heartbeat of each device to each subject in turn, as
firmware does: at QoS 1 and retained. The time is what the event loop's thread uses
until the message after the last has come: paho, Home Assistant's client and dispatch,
and what the subject does.
"""

import asyncio
from pathlib import Path
import time

from homeassistant.components import mqtt
from homeassistant.core import HomeAssistant, callback
from tests.rig.broker import Broker

from . import environment
from .clock import Clock
from .figures import Figure, median_of, ratio_of
from .payloads import device_ids
from .sender import SENTINEL, Burst, Sender
from .subjects import FLOOR, NO_OP, VESPER, Subjects, in_turn

SUBJECTS = (NO_OP, FLOOR, VESPER)
DEVICES = 1000
WARM_UP = 1

#: In seconds: a burst that takes longer was lost.
TIMEOUT = 120


class Bursts:
    """Bursts of heartbeats, of which none may be lost."""

    def __init__(self, sender: Sender, subjects: Subjects) -> None:
        """Set the sender and the subjects."""
        self._sender = sender
        self._subjects = subjects
        self._ended = asyncio.Event()
        self._end = 0.0

    async def async_start(self, hass: HomeAssistant) -> None:
        """Subscribe to the message that ends a burst."""
        await environment.subscribe(hass, SENTINEL, self._async_ended)

    @callback
    def _async_ended(self, _: mqtt.ReceiveMessage) -> None:
        """Handle the end of a burst."""
        self._end = time.thread_time()
        self._ended.set()

    async def async_receive(self, subject: str, number: int) -> float:
        """Return the microseconds of each heartbeat of a burst.

        Raises RuntimeError if any of them was lost.
        """
        before = self._subjects.received(subject)
        self._ended.clear()
        start = time.thread_time()
        self._sender.send(
            Burst(prefix=subject, devices=DEVICES, number=number, retain=True)
        )
        async with asyncio.timeout(TIMEOUT):
            await self._ended.wait()
        received = self._subjects.received(subject) - before
        if received != DEVICES:
            msg = f"{subject} has received {received} of {DEVICES} heartbeats"
            raise RuntimeError(msg)
        return (self._end - start) / DEVICES * 1e6


async def async_measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure all subjects in one Home Assistant."""
    rounds = 7 if quick else 45
    times: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
    with Sender(broker.address) as sender:
        async with environment.running(config, broker) as hass:
            clock = Clock()
            subjects = Subjects(hass, device_ids(DEVICES))
            await subjects.async_add_callbacks()
            await subjects.async_add_vesper()
            bursts = Bursts(sender, subjects)
            await bursts.async_start(hass)
            for number in range(2, 2 * (rounds + WARM_UP) + 2):
                clock.set_to(number)
                for subject in in_turn(SUBJECTS, number // 2):
                    taken = await bursts.async_receive(subject, number)
                    # The others write the free heap.
                    if number % 2 and number > 2 * WARM_UP + 1:
                        times[subject].append(taken)
                    await hass.async_block_till_done()
    return [
        *(median_of(f"wire.{subject}", times[subject], "µs") for subject in SUBJECTS),
        ratio_of("wire.vesper/floor", times[VESPER], times[FLOOR], target=1.15),
    ]


def main() -> None:
    """Run from the command line."""
    environment.run_command(__doc__, async_measure, unbounded=True)


if __name__ == "__main__":
    main()
