"""Show how large a fleet one Home Assistant takes, with all its own limits in force.

    .venv-release/bin/python -m tests.benchmarks.capacity

Home Assistant takes no more than 10,000 enabled entities of one entry, and drops what
is over. So: do as many devices fit as we say, each with all of its entities? What do
they cost? And what happens to those for whom there is no room?
"""

import argparse
import asyncio
from collections import Counter
from dataclasses import dataclass
from functools import partial
import gc
import os
from pathlib import Path
import time
from typing import Any

import aiohttp

from homeassistant.auth.models import TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from tests.rig.broker import Broker

from . import home
from .figures import Figure, hand_over, in_a_process
from .startup import discover, shown_of, stalls_of, start_again

#: In heartbeats of each device: by then they are as large as they get.
GROWN = 12
#: In seconds: who is left out is told of a little later.
TOLD_WITHIN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """So many devices, and whether there is room for all of them."""

    devices: int
    entities: str
    fits: bool

    @property
    def name(self) -> str:
        """Return what its figures are called."""
        return f"capacity.{self.devices}_{self.entities}"


FLEETS = (
    Fleet(devices=1_000, entities="all", fits=True),
    Fleet(devices=3_000, entities="essential", fits=True),
    Fleet(devices=1_500, entities="all", fits=False),
)


async def measure(fleet: Fleet, config: Path, broker: Broker) -> list[Figure]:
    """Return the figures of a fleet."""
    async with home.running(config, broker) as hass:
        # Where it is to be too many, Home Assistant's limit is to be the one that says.
        most = fleet.devices if fleet.fits else 10 * fleet.devices
        entry = home.vesper_entry(
            max_devices=most, entities=fleet.entities, heartbeat_timeout=3600
        )
        await hass.config_entries.async_add(entry)
        before = _memory()
        cold = await discover(hass, fleet.devices)
        figures = _admitted(fleet, hass, entry)
        if not fleet.fits:
            await asyncio.sleep(TOLD_WITHIN)
            return [*figures, _repairs(fleet, hass)]
        for _ in range(GROWN - 1):
            await discover(hass, fleet.devices)
        there = _memory()
        start = await start_again(hass, entry)
        stalls = await stalls_of(fleet.name, hass, entry)
        size, took = await _first_states(hass)
        memory = (there - before) / len(entry.runtime_data.devices) / 1e3
        longest = stalls.longest_used * 1e3
        shown = len(shown_of(hass, entry))
        return [
            *figures,
            Figure(name=f"{fleet.name}.entities", value=shown, unit=""),
            Figure(name=f"{fleet.name}.discovered", value=cold, unit="s"),
            Figure(name=f"{fleet.name}.start", value=start.wall, unit="s"),
            Figure(name=f"{fleet.name}.stall", value=longest, unit="ms"),
            Figure(name=f"{fleet.name}.memory", value=there / 1e6, unit="MB"),
            Figure(
                name=f"{fleet.name}.memory_each",
                value=memory,
                unit="kB",
                note="of each device, most of it Home Assistant's for its entities",
            ),
            Figure(name=f"{fleet.name}.first_states", value=size / 1e6, unit="MB"),
            Figure(name=f"{fleet.name}.first_states.took", value=took, unit="ms"),
        ]


def _admitted(
    fleet: Fleet, hass: HomeAssistant, entry: ConfigEntry[Any]
) -> list[Figure]:
    """Return how many devices there are, whole and torn, and how many are left out."""
    hub = entry.runtime_data
    shown = set(shown_of(hass, entry))
    registered = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    entities = Counter(
        entity.device_id
        for entity in er.async_entries_for_config_entry(
            er.async_get(hass), entry.entry_id
        )
        if entity.entity_id in shown
    )
    counts = [
        entities[device.id]
        for device in registered
        if device.entry_type is not dr.DeviceEntryType.SERVICE
    ]
    whole = max(counts)
    torn = sum(count != whole for count in counts)
    if len(counts) != len(hub.devices):
        msg = f"{len(hub.devices)} devices are known, {len(counts)} registered"
        raise RuntimeError(msg)
    admitted = Figure(
        name=f"{fleet.name}.admitted",
        value=len(counts),
        unit="",
        target=fleet.devices if fleet.fits else None,
        limit="least",
        note=f"with {whole} enabled entities each",
    )
    left_out = Figure(
        name=f"{fleet.name}.left_out",
        value=fleet.devices - len(counts),
        unit="",
        target=0 if fleet.fits else None,
        note=f"{hub.admission.left_out} of them told apart",
    )
    return [
        admitted,
        Figure(name=f"{fleet.name}.torn", value=torn, unit="", target=0),
        left_out,
    ]


def _repairs(fleet: Fleet, hass: HomeAssistant) -> Figure:
    """Return how many repairs a person is told of.

    Raises RuntimeError where there is none.
    """
    repairs = [
        issue.translation_placeholders
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == "vesper" and issue.active
    ]
    if not repairs:
        msg = "Nobody is told that devices are left out"
        raise RuntimeError(msg)
    return Figure(
        name=f"{fleet.name}.repairs",
        value=len(repairs),
        unit="",
        target=1,
        note=f"it says {repairs[0]}",
    )


async def _first_states(hass: HomeAssistant) -> tuple[int, float]:
    """Return the bytes of the states that a browser gets first, and the milliseconds.

    The client shares the event loop, and only takes the bytes.
    """
    user = await hass.auth.async_create_user("Bench", group_ids=["system-admin"])
    refresh_token = await hass.auth.async_create_refresh_token(
        user, client_name="bench", token_type=TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN
    )
    token = hass.auth.async_create_access_token(refresh_token)
    url = f"http://127.0.0.1:{hass.http.server_port}"
    async with (
        aiohttp.ClientSession(url) as session,
        session.ws_connect("/api/websocket", max_msg_size=0) as socket,
    ):
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        await socket.receive_json()
        start = time.perf_counter()
        await socket.send_json({"id": 1, "type": "subscribe_entities"})
        await socket.receive_json()  # the result
        states = await socket.receive_str()
        return len(states.encode()), (time.perf_counter() - start) * 1e3


def _memory() -> int:
    """Return the bytes that this process holds, without what is garbage."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    names = [fleet.name for fleet in FLEETS]
    parser.add_argument("--fleet", choices=names, help="this one alone")
    options = parser.parse_args()
    if options.fleet:
        fleet = FLEETS[names.index(options.fleet)]
        figures = home.run(partial(measure, fleet))
    else:
        figures = [
            figure
            for name in (names[:1] if options.quick else names)
            for figure in in_a_process(__spec__.name, "--fleet", name)
        ]
    hand_over(figures)


if __name__ == "__main__":
    main()
