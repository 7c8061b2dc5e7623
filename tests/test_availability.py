"""Availability, outages and restarts, from messages to the API."""

from collections.abc import Awaitable, Callable
import copy
import logging
from time import time
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    CLIENT_ID,
    MockUser,
    async_capture_events,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.vesper.const import DOMAIN
from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from homeassistant.const import (
    EVENT_STATE_CHANGED,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.helpers import device_registry as dr
from tests.automation import registered_id
from tests.common import BELL, FLEET, Vesper, Writes

type Get = Callable[[], Awaitable[dict[str, Any]]]


@pytest.fixture(autouse=True)
def midnight(vesper: Vesper) -> None:
    """Start with a day and an hour."""
    vesper.freezer.move_to("2030-01-01T00:00:00Z")


@pytest.fixture
def get(
    vesper: Vesper,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
    caplog: pytest.LogCaptureFixture,
) -> Get:
    """Return what gets the answer of the API."""
    caplog.set_level(logging.WARNING, "aiohttp.access")

    async def _get() -> dict[str, Any]:
        auth = vesper.hass.auth
        refresh = await auth.async_create_refresh_token(hass_admin_user, CLIENT_ID)
        client = await hass_client(auth.async_create_access_token(refresh))
        response = await client.get(f"/api/vesper/devices/{BELL}/availability")
        data: dict[str, Any] = await response.json()
        return data

    return _get


async def stay_online(vesper: Vesper, hours: float) -> None:
    """Let the device send heartbeats."""
    for _ in range(round(hours * 120)):
        await vesper.heartbeat()
        await vesper.advance(30)


async def test_an_outage(vesper: Vesper, get: Get) -> None:
    """It is the time between two messages."""
    await stay_online(vesper, 13)
    await vesper.advance(61)
    assert vesper.value("connectivity") == "off"
    await vesper.advance(3600 - 61)
    await stay_online(vesper, 2)
    assert await get() == {
        "device_id": BELL,
        "availability": {"day": 93.7, "week": None, "month": None},
        "observed": {"day": 57_600, "week": 57_600, "month": 57_600},
        "outages": {"day": 1, "week": 1, "month": 1},
        "restarts": {"day": 0, "week": 0, "month": 0},
        "mean_time_between_outages": 57_600 - 3630,
        "mean_time_to_recover": 3630,
        "last_outages": [
            {
                "start": "2030-01-01T12:59:30+00:00",
                "end": "2030-01-01T14:00:00+00:00",
                "cause": "device",
            }
        ],
        "last_restarts": [],
        "unstable": False,
    }


async def test_an_outage_that_goes_on(vesper: Vesper, get: Get) -> None:
    """It has no end, and no time to recover."""
    await stay_online(vesper, 1)
    await vesper.advance(61)
    await vesper.advance(3600)
    answer = await get()
    assert answer["last_outages"] == [
        {"start": "2030-01-01T00:59:30+00:00", "end": None, "cause": "device"}
    ]
    assert answer["observed"]["day"] == 2 * 3600 + 61
    assert answer["mean_time_between_outages"] == 3570
    assert answer["mean_time_to_recover"] is None


async def test_restarts(vesper: Vesper, get: Get) -> None:
    """They are listed with their reasons, newest first."""
    await vesper.heartbeat(uptime=100, reset_reason=1)
    await vesper.advance(60)
    await vesper.heartbeat(uptime=5, reset_reason=9)
    await vesper.advance(60)
    await vesper.heartbeat(uptime=3)
    answer = await get()
    assert answer["restarts"] == {"day": 2, "week": 2, "month": 2}
    assert answer["last_restarts"] == [
        {"time": "2030-01-01T00:02:00+00:00", "reason": None},
        {"time": "2030-01-01T00:01:00+00:00", "reason": "brown_out"},
    ]


async def set_maintenance(vesper: Vesper, *, on: bool) -> None:
    """Begin or end maintenance."""
    await vesper.call(
        f"switch.turn_{'on' if on else 'off'}",
        entity_id=vesper.entity_id("maintenance"),
    )


async def set_disabled(vesper: Vesper, *, on: bool) -> None:
    """Disable or enable the device."""
    dr.async_get(vesper.hass).async_update_device(
        registered_id(vesper.hass, BELL),
        disabled_by=dr.DeviceEntryDisabler.USER if on else None,
    )
    await vesper.hass.async_block_till_done()


async def set_link(vesper: Vesper, *, on: bool) -> None:
    """Take the broker away, or give it back."""
    await (vesper.disconnect_broker() if on else vesper.reconnect_broker())


@pytest.mark.parametrize("pause", [set_maintenance, set_disabled, set_link])
async def test_time_that_is_not_observed(
    vesper: Vesper, get: Get, pause: Callable[..., Awaitable[None]]
) -> None:
    """It counts for neither side."""
    await stay_online(vesper, 1)
    await pause(vesper, on=True)
    await vesper.advance(1800)
    await vesper.heartbeat()
    await pause(vesper, on=False)
    await stay_online(vesper, 1)
    answer = await get()
    assert answer["observed"]["day"] == 2 * 3600
    assert answer["mean_time_between_outages"] is None
    assert answer["last_outages"] == []


async def test_a_device_that_stays_away_after_maintenance(
    vesper: Vesper, get: Get
) -> None:
    """Its outage begins when the maintenance ends."""
    await stay_online(vesper, 1)
    await set_maintenance(vesper, on=True)
    await vesper.advance(3600)
    await set_maintenance(vesper, on=False)
    await vesper.advance(1800)
    await stay_online(vesper, 1)
    answer = await get()
    assert answer["last_outages"] == [
        {
            "start": "2030-01-01T02:00:00+00:00",
            "end": "2030-01-01T02:30:00+00:00",
            "cause": "unknown",
        }
    ]
    assert answer["mean_time_to_recover"] == 1800


async def test_a_fleet_outage_is_the_cause(vesper: Vesper, get: Get) -> None:
    """Each lost device has it."""
    others = ("hall", "school")
    for _ in range(3):
        for device_id in (BELL, *others):
            await vesper.heartbeat(device_id)
        await vesper.advance(30)
    await vesper.advance(61)
    await vesper.advance(61)
    answer = await get()
    assert [outage["cause"] for outage in answer["last_outages"]] == ["fleet_outage"]


async def test_history_is_kept_over_a_restart(
    vesper: Vesper, get: Get, hass_storage: dict[str, Any]
) -> None:
    """The time in between was not observed."""
    await stay_online(vesper, 2)
    await vesper.heartbeat(uptime=100)
    await vesper.advance(3600)
    await vesper.hass.config_entries.async_unload(FLEET)
    await vesper.advance(5 * 3600)
    await vesper.hass.config_entries.async_setup(FLEET)
    await vesper.heartbeat(uptime=5)
    await stay_online(vesper, 1)
    answer = await get()
    assert answer["observed"]["day"] == 4 * 3600
    assert answer["restarts"]["day"] == 1
    assert answer["last_outages"] == [
        {
            "start": "2030-01-01T02:00:00+00:00",
            "end": "2030-01-01T08:00:00+00:00",
            "cause": "device",
        }
    ]
    # Of these six hours, one was observed.
    assert answer["mean_time_to_recover"] == 3600


async def test_a_crash_loses_a_quarter_of_an_hour(
    vesper: Vesper, get: Get, hass_storage: dict[str, Any]
) -> None:
    """What was not saved is no downtime."""
    await stay_online(vesper, 2)
    stored = copy.deepcopy(hass_storage[f"{DOMAIN}.{FLEET}"])
    await vesper.hass.config_entries.async_unload(FLEET)
    await vesper.advance(1800)
    # What the last write of a regular stop had added is lost.
    hass_storage[f"{DOMAIN}.{FLEET}"] = stored
    await vesper.hass.config_entries.async_setup(FLEET)
    await stay_online(vesper, 1)
    answer = await get()
    assert 2.75 * 3600 <= answer["observed"]["day"] <= 3 * 3600
    assert answer["last_outages"] == []


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_sensors(vesper: Vesper) -> None:
    """They show what is known, and the restarts."""
    await stay_online(vesper, 3)
    await vesper.advance(3600)
    await vesper.heartbeat(uptime=100)
    await stay_online(vesper, 9)
    await vesper.heartbeat(uptime=5)
    await vesper.advance(1)
    state = vesper.state("availability")
    assert state.state == STATE_UNKNOWN
    assert state.attributes["day"] == 92.24
    assert state.attributes["week"] is None
    assert vesper.value("restarts") == "1"


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_sensors_are_written_each_hour(vesper: Vesper, writes: Writes) -> None:
    """No heartbeat writes them, only a transition does."""
    await stay_online(vesper, 1)
    await vesper.advance(3600)
    await stay_online(vesper, 11)
    names = {vesper.entity_id(key) for key in ("availability", "restarts")}
    names.add(vesper.entity_id("fleet_availability", FLEET))
    writes.take()
    written = []
    for _ in range(120):
        await vesper.heartbeat()
        await vesper.advance(30)
        written += writes.take()
    # The others have not changed.
    assert [entity_id for entity_id in written if entity_id in names] == [
        vesper.entity_id("availability")
    ]
    await vesper.advance(61)
    assert names.intersection(writes.take()) == {vesper.entity_id("availability")}


async def test_a_device_that_is_removed_meanwhile(vesper: Vesper) -> None:
    """It is left out of the fleet's availability."""
    for device_id in (BELL, "hall"):
        await vesper.heartbeat(device_id)
    await vesper.advance(16 * 86_400)
    for device_id in (BELL, "hall"):
        await vesper.heartbeat(device_id)

    def remove_the_other(device: Device, change: Change, _context: object) -> None:
        """Remove the other device meanwhile."""
        if change is Change.AVAILABILITY and device.device_id == BELL:
            vesper.hub._async_removed("hall")  # noqa: SLF001

    with (
        patch("custom_components.vesper.hub.chunks.CHUNK", 0),
        patch.object(vesper.hub.listeners, "async_notify", remove_the_other),
    ):
        await vesper.advance(3600)
    assert [*vesper.hub.devices] == [BELL]
    # The first had one message, 16 days ago.
    assert vesper.hub.insight.fleet_ratio == pytest.approx(0, abs=0.01)


async def test_the_fleet_after_a_restart(vesper: Vesper) -> None:
    """Its availability is known at once."""
    await vesper.heartbeat()
    await vesper.advance(16 * 86_400)
    await stay_online(vesper, 1.1)
    before = vesper.value("fleet_availability", FLEET)
    assert before != STATE_UNKNOWN
    states = async_capture_events(vesper.hass, EVENT_STATE_CHANGED)
    await vesper.reload()
    entity_id = vesper.entity_id("fleet_availability", FLEET)
    gone, back = (
        event.data["new_state"].state
        for event in states
        if event.data["entity_id"] == entity_id and event.data["new_state"]
    )
    assert gone == STATE_UNAVAILABLE
    # It was updated on the hour.
    assert float(back) == pytest.approx(float(before), abs=0.1)


async def test_disabled_devices_of_the_fleet(vesper: Vesper) -> None:
    """They do not count."""
    await vesper.heartbeat("hall")
    await vesper.advance(91)
    await stay_online(vesper, 1)
    await vesper.advance(15 * 86_400)
    await stay_online(vesper, 1.1)
    both = float(vesper.value("fleet_availability", FLEET))
    dr.async_get(vesper.hass).async_update_device(
        registered_id(vesper.hass, "hall"), disabled_by=dr.DeviceEntryDisabler.USER
    )
    await stay_online(vesper, 1.1)
    one = float(vesper.value("fleet_availability", FLEET))
    window = vesper.hub.devices[BELL].availability.window("month", time())
    assert one > both
    assert window.ratio is not None
    assert one == pytest.approx(100 * window.ratio, abs=0.1)


async def test_means_without_what_was_not_observed(vesper: Vesper, get: Get) -> None:
    """Days without observation are no time between outages."""
    for number in range(20):
        await stay_online(vesper, 1)
        await vesper.advance(3600)
        if number == 9:
            await set_maintenance(vesper, on=True)
            await vesper.advance(10 * 86_400)
            await set_maintenance(vesper, on=False)
    answer = await get()
    assert len(answer["last_outages"]) == 20
    assert answer["mean_time_between_outages"] == pytest.approx(3600, rel=0.1)


async def test_recorded_while_the_clock_was_ahead(vesper: Vesper, get: Get) -> None:
    """What is in the future counts in no window."""
    vesper.freezer.move_to("2035-01-01T00:00:00Z")
    await vesper.heartbeat(uptime=100)
    await vesper.advance(91)
    await vesper.heartbeat(uptime=10)
    vesper.freezer.move_to("2030-01-01T00:00:00Z")
    answer = await get()
    assert len(answer["last_outages"]) == len(answer["last_restarts"]) == 1
    nothing = {"day": 0, "week": 0, "month": 0}
    assert answer["outages"] == answer["restarts"] == nothing
    assert answer["mean_time_between_outages"] is None
    assert answer["mean_time_to_recover"] is None


async def test_more_outages_than_are_kept(vesper: Vesper, get: Get) -> None:
    """Their mean time is that between the last ones."""
    for _ in range(30):
        await vesper.heartbeat()
        await vesper.advance(91)
        await vesper.advance(3600 - 91)
    answer = await get()
    assert answer["outages"]["month"] == len(answer["last_outages"]) == 20
    # Each outage began with a heartbeat, and lasted until the next one. What is not
    # observed counts for neither side.
    assert answer["mean_time_between_outages"] == 0
    assert answer["mean_time_to_recover"] == 3600
