"""Measure what the discovery of Vesper costs.

    python -m tests.benchmarks.suggestion [--quick]

Home Assistant's MQTT integration starts a config flow for each changed alert and info
message under the default prefix, with or without an entry. The same messages under
another prefix, which has an entry too, start none: that is as if the discovery were
off. All are handed to the MQTT client in process; the time is that of the event loop's
thread until the flows have ended.
"""

import gc
from pathlib import Path
import time
import tracemalloc

import orjson

from homeassistant.core import HomeAssistant
from tests.rig.broker import Broker

from . import environment
from .figures import Figure, median_of, ratio_of
from .payloads import device_ids, heartbeat
from .subjects import NO_OP, NoOp, in_turn

VESPER, OTHER = "vesper", "other"
DEVICES = 100
WARM_UP = 2

#: Each device with a message is one more topic that is kept.
TOPICS = 2_000


class Bench:
    """Alerts of some devices under several prefixes."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin without alerts."""
        self._hass = hass
        self._number = 0

    async def async_receive(
        self, prefix: str, *, changes: bool = True, devices: int = DEVICES
    ) -> float:
        """Return the microseconds of each alert."""
        # Subscriptions of entries that are set up again have other numbers.
        mqtt_input = environment.MqttInput(self._hass)
        self._number += changes
        severity = ("WARNING", "CRITICAL")[self._number % 2]
        alert = {"subsystem": "Player", "state": severity, "msg": str(self._number)}
        wildcard = f"{prefix}/+/status/alerts"
        messages = [
            mqtt_input.message(
                wildcard.replace("+", device_id), orjson.dumps(alert), wildcard
            )
            for device_id in device_ids(devices)
        ]
        await self._hass.async_block_till_done()
        start = time.thread_time()
        mqtt_input.receive(messages)
        await self._hass.async_block_till_done(wait_background_tasks=True)
        return (time.thread_time() - start) / devices * 1e6

    async def async_rounds(
        self, rounds: int, *prefixes: str, changes: bool = True
    ) -> dict[str, list[float]]:
        """Return the microseconds under each prefix, in turn."""
        times: dict[str, list[float]] = {prefix: [] for prefix in prefixes}
        for number in range(-WARM_UP, rounds):
            for prefix in in_turn(prefixes, number):
                taken = await self.async_receive(prefix, changes=changes)
                if number >= 0:
                    times[prefix].append(taken)
        return times

    async def async_kept(self, prefix: str) -> float:
        """Return the bytes that are kept of each topic."""
        gc.collect()
        tracemalloc.start()
        await self.async_receive(prefix, devices=TOPICS)
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size / TOPICS

    def flows(self, name: str) -> Figure:
        """Return how many flows wait for the user."""
        flows = self._hass.config_entries.flow.async_progress_by_handler("vesper")
        return Figure(name=f"suggestion.{name}.flows", value=len(flows), unit="flows")


async def async_measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure alerts with an entry and without."""
    rounds = 5 if quick else 25
    async with environment.running(config, broker) as hass:
        bench = Bench(hass)
        await environment.subscribe(hass, f"{NO_OP}/+/status/alerts", NoOp().receive)
        entries = {}
        for prefix in (VESPER, OTHER):
            entries[prefix] = environment.vesper_entry(prefix, max_devices=TOPICS)
            await hass.config_entries.async_add(entries[prefix])
            await _async_heartbeats(hass, prefix)
        changed = await bench.async_rounds(rounds, VESPER, OTHER, NO_OP)
        same = await bench.async_rounds(rounds, VESPER, OTHER, changes=False)
        with_entry = bench.flows("with_entry")
        await hass.config_entries.async_remove(entries[VESPER].entry_id)
        without = await bench.async_rounds(rounds, VESPER, OTHER, NO_OP)
        kept = [await bench.async_kept(prefix) for prefix in (VESPER, NO_OP)]
        extra = [
            one - other
            for one, other in zip(changed[VESPER], changed[OTHER], strict=True)
        ]
        extra_without = [
            one - other
            for one, other in zip(without[VESPER], without[NO_OP], strict=True)
        ]
        return [
            median_of(
                "suggestion.off", changed[OTHER], "µs", note="an alert, an entry"
            ),
            median_of("suggestion.with_entry", changed[VESPER], "µs"),
            ratio_of(
                "suggestion.with_entry/off", changed[VESPER], changed[OTHER], target=2
            ),
            median_of("suggestion.with_entry.extra", extra, "µs", note="of a flow"),
            ratio_of(
                "suggestion.same/off", same[VESPER], same[OTHER], note="repeated alerts"
            ),
            with_entry,
            median_of("suggestion.no_op", changed[NO_OP], "µs"),
            median_of("suggestion.without_entry", without[VESPER], "µs"),
            median_of(
                "suggestion.without_entry.extra",
                extra_without,
                "µs",
                note="beside a callback that does nothing",
            ),
            ratio_of(
                "suggestion.without_entry/off",
                without[VESPER],
                without[OTHER],
                note="beside an alert with an entry and no discovery",
            ),
            bench.flows("without_entry"),
            Figure(
                name="suggestion.kept",
                value=(kept[0] - kept[1]) / 1e3,
                unit="kB",
                note="of each topic, by Home Assistant",
            ),
        ]


async def _async_heartbeats(hass: HomeAssistant, prefix: str) -> None:
    """Let the devices of a prefix become known."""
    mqtt_input = environment.MqttInput(hass)
    wildcard = f"{prefix}/+/status/heartbeat"
    mqtt_input.receive(
        [
            mqtt_input.message(
                wildcard.replace("+", device_id), heartbeat(device_id, 0), wildcard
            )
            for device_id in device_ids(DEVICES)
        ]
    )
    await hass.async_block_till_done()


def main() -> None:
    """Run from the command line."""
    environment.run_command(__doc__, async_measure)


if __name__ == "__main__":
    main()
