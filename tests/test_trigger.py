"""Triggers: one run for each transition, and no other."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
)
from pytest_homeassistant_custom_component.components.common import (
    TargetSupport,
    assert_triggers_target_support,
)
import voluptuous as vol

from custom_components.vesper.model.device import Device
from custom_components.vesper.trigger import TRIGGERS
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED, Platform
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.helpers.trigger import async_validate_trigger_config
from homeassistant.util import dt as dt_util

from .automation import Automation, automate, devices, registered_id
from .common import BELL, FLEET, Vesper, reload_mqtt

type Act = Callable[[Vesper], Awaitable[None]]
type Steps = list[tuple[Act, int]]
"""Steps, and how many runs each causes."""

OTHER = "tower"
START = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up few platforms: triggers do not use entities."""
    return [Platform.BINARY_SENSOR]


# Steps


def alert(state: str, subsystem: str = "FileManager", **choices: Any) -> Act:
    """Return a step that sends the bell's alert."""

    async def send(vesper: Vesper) -> None:
        """Send it; an end waits, not to flap."""
        if state in ("CLEARED", "OK") and not choices.get("retain"):
            await vesper.advance(2)
        await vesper.alert(subsystem, state, "SD mount failed", **choices)

    return send


def heartbeat(**fields: Any) -> Act:
    """Return a step that sends the bell's heartbeat."""
    return lambda vesper: vesper.heartbeat(**fields)


def playback(state: str, melody: str | None = None) -> Act:
    """Return a step that sends playback of the bell."""
    return lambda vesper: vesper.info(f"playback_{state}", {"melody_uid": melody})


def wait(seconds: float) -> Act:
    """Return a step that advances the time."""
    return lambda vesper: vesper.advance(seconds)


def set_maintenance(**duration: int) -> Act:
    """Return a step that starts or ends maintenance."""
    return lambda vesper: vesper.call(
        "vesper.set_maintenance",
        **devices(vesper.hass),
        duration=duration or {"hours": 0},
    )


def acknowledge(subsystem: str = "FileManager") -> Act:
    """Return a step that acknowledges the bell's alert."""
    return lambda vesper: vesper.call(
        "vesper.acknowledge_alert", **devices(vesper.hass), subsystem=subsystem
    )


async def reload(vesper: Vesper) -> None:
    """Reload the entry."""
    await vesper.reload()


async def mqtt_reloads(vesper: Vesper) -> None:
    """Reload the entry of MQTT."""
    await reload_mqtt(vesper.hass)


async def rename(vesper: Vesper) -> None:
    """Rename an entity and the device."""
    er.async_get(vesper.hass).async_update_entity(
        vesper.entity_id("connectivity"), new_entity_id="binary_sensor.renamed"
    )
    dr.async_get(vesper.hass).async_update_device(
        registered_id(vesper.hass), name_by_user="Chapel"
    )
    await vesper.hass.async_block_till_done()


async def disconnect_broker(vesper: Vesper) -> None:
    """Disconnect from the broker."""
    await vesper.disconnect_broker()


async def reconnect_broker(vesper: Vesper) -> None:
    """Reconnect to the broker."""
    await vesper.reconnect_broker()


def boots(runs: int, **fields: Any) -> Steps:
    """Return the steps of a restart of the bell."""
    return [
        (wait(60), 0),
        (heartbeat(uptime=5, **fields), runs),
        (wait(60), 0),
        (heartbeat(uptime=65), 0),
    ]


HEARTBEAT = heartbeat()
TIMEOUT = wait(91)

#: Reloads and disconnects, which are no transition of a device.
NOISE: Steps = [
    (disconnect_broker, 0),
    (reconnect_broker, 0),
    (HEARTBEAT, 0),
    (rename, 0),
    (mqtt_reloads, 0),
    (HEARTBEAT, 0),
    (reload, 0),
    (heartbeat(retain=True), 0),
    (HEARTBEAT, 0),
]


@pytest.mark.usefixtures("no_broker")
@pytest.mark.parametrize(
    ("trigger", "options", "steps"),
    [
        pytest.param(
            "alert_raised",
            {},
            [
                (alert("WARNING"), 1),
                (alert("WARNING"), 0),
                *NOISE,
                (alert("WARNING"), 0),
                (alert("CRITICAL"), 1),
                (alert("WARNING"), 0),
                (alert("CRITICAL"), 1),
                (alert("FAILED"), 1),
                (alert("WARNING", "Network"), 1),
                (alert("CLEARED"), 0),
                (alert("FAILED"), 1),
            ],
            id="raised",
        ),
        pytest.param(
            "alert_raised",
            {"severity": "critical"},
            [
                (alert("WARNING"), 0),
                (alert("CRITICAL"), 1),
                (alert("FAILED"), 1),
                (alert("CLEARED"), 0),
                (alert("FAILED"), 1),
            ],
            id="raised, critical at least",
        ),
        pytest.param(
            "alert_raised",
            {"severity": "failed", "subsystems": ["FileManager", "Network"]},
            [
                (alert("CRITICAL"), 0),
                (alert("FAILED", "Network"), 1),
                (alert("FAILED", "network"), 0),
                (alert("FAILED"), 1),
            ],
            id="raised, of some subsystems",
        ),
        pytest.param(
            "alert_raised",
            {},
            [
                (alert("WARNING", retain=True), 0),
                (alert("WARNING"), 0),
                (alert("CRITICAL"), 1),
            ],
            id="raised, retained",
        ),
        pytest.param(
            "alert_raised",
            {},
            [
                (heartbeat(uptime=3600), 0),
                (alert("WARNING"), 1),
                (heartbeat(uptime=5), 0),
                (alert("WARNING"), 0),
            ],
            id="raised again after a restart",
        ),
        pytest.param(
            "alert_cleared",
            {},
            [
                (alert("CLEARED"), 0),
                (alert("CRITICAL"), 0),
                (alert("WARNING"), 0),
                (alert("CLEARED"), 1),
                (alert("CLEARED"), 0),
                *NOISE,
                (alert("FAILED"), 0),
                (alert("OK", retain=True), 0),
                (alert("OK"), 1),
            ],
            id="cleared",
        ),
        pytest.param(
            "alert_cleared",
            {"subsystems": "Network"},
            [
                (alert("WARNING"), 0),
                (alert("WARNING", "Network"), 0),
                (alert("CLEARED"), 0),
                (alert("CLEARED", "Network"), 1),
            ],
            id="cleared, of one subsystem",
        ),
        pytest.param(
            "went_offline",
            {},
            [
                (wait(89), 0),
                (wait(2), 1),
                (TIMEOUT, 0),
                (heartbeat(retain=True), 0),
                (disconnect_broker, 0),
                (reconnect_broker, 0),
                (TIMEOUT, 0),
                (HEARTBEAT, 0),
                *NOISE,
                (TIMEOUT, 1),
                (reload, 0),
                (TIMEOUT, 0),
                (HEARTBEAT, 0),
                (reload, 0),
                (wait(89), 0),
                (wait(2), 1),
            ],
            id="offline",
        ),
        pytest.param(
            "went_offline",
            {},
            [
                (disconnect_broker, 0),
                (TIMEOUT, 0),
                (reconnect_broker, 0),
                (wait(89), 0),
                (wait(2), 1),
            ],
            id="offline while disconnected",
        ),
        pytest.param(
            "came_online",
            {},
            [
                (HEARTBEAT, 0),
                (TIMEOUT, 0),
                (HEARTBEAT, 1),
                (HEARTBEAT, 0),
                *NOISE,
                (TIMEOUT, 0),
                (heartbeat(retain=True), 0),
                (disconnect_broker, 0),
                (reconnect_broker, 0),
                (alert("WARNING"), 1),
                (TIMEOUT, 0),
                (reload, 0),
                (TIMEOUT, 0),
                (HEARTBEAT, 1),
                (TIMEOUT, 0),
                (reload, 0),
                (HEARTBEAT, 1),
            ],
            id="online",
        ),
        pytest.param(
            "restarted",
            {},
            [
                (heartbeat(uptime=3600), 0),
                (heartbeat(uptime=3630), 0),
                (heartbeat(uptime=5), 1),
                (heartbeat(uptime=5), 0),
                (heartbeat(uptime=5000), 0),
                *NOISE,
                (heartbeat(uptime=3, retain=True), 0),
                (heartbeat(uptime=5030), 0),
                (heartbeat(uptime=9), 0),
                (wait(30), 0),
                (heartbeat(uptime=9), 1),
            ],
            id="restarted",
        ),
        pytest.param(
            "restarted",
            {},
            [
                (heartbeat(uptime=3600), 0),
                (reload, 0),
                (heartbeat(uptime=3600), 0),
                (reload, 0),
                (wait(30), 0),
                (heartbeat(uptime=7), 1),
                (reload, 0),
                (heartbeat(uptime=7), 0),
            ],
            id="restarted while not loaded",
        ),
        pytest.param(
            "alert_cleared",
            {},
            [
                (heartbeat(uptime=3600), 0),
                (alert("WARNING"), 0),
                (alert("FAILED", "Network"), 0),
                (wait(60), 0),
                (heartbeat(uptime=5), 0),
                (alert("FAILED", "Network"), 0),
                *(
                    (step, 0)
                    for uptime in range(65, 546, 60)
                    for step in (wait(60), heartbeat(uptime=uptime))
                ),
                (heartbeat(uptime=604), 0),
                (heartbeat(uptime=605), 1),
                (heartbeat(uptime=606), 0),
            ],
            id="cleared by a restart",
        ),
        pytest.param(
            "restarted",
            {"reasons": ["panic", "task_watchdog"]},
            [
                (heartbeat(uptime=3600, reset_reason=4), 0),
                *boots(0, reset_reason=1),
                *boots(1, reset_reason=4),
                *boots(0),
                *boots(1, reset_reason=6),
                *boots(0, reset_reason=99),
            ],
            id="restarted, for some reasons",
        ),
        pytest.param(
            "started_playing",
            {},
            [
                (playback("started", "A"), 1),
                (playback("started", "A"), 0),
                (playback("started", "B"), 1),
                (playback("stopped"), 0),
                (playback("started", "B"), 1),
                *NOISE,
                (playback("started", "B"), 1),
                (playback("stopped"), 0),
                (playback("started"), 1),
            ],
            id="started playing",
        ),
        pytest.param(
            "stopped_playing",
            {},
            [
                (playback("stopped"), 0),
                (playback("started", "A"), 0),
                (playback("started", "B"), 0),
                (playback("stopped"), 1),
                (playback("stopped"), 0),
                (playback("started", "A"), 0),
                *NOISE,
                (playback("stopped"), 1),
                (playback("started", "A"), 0),
                (TIMEOUT, 0),
                (HEARTBEAT, 0),
                (playback("stopped"), 1),
                (heartbeat(uptime=3600), 0),
                (playback("started", "A"), 0),
                (wait(60), 0),
                (heartbeat(uptime=5), 1),
            ],
            id="stopped playing",
        ),
    ],
)
async def test_steps(
    hass: HomeAssistant,
    vesper: Vesper,
    trigger: str,
    options: dict[str, Any],
    steps: Steps,
) -> None:
    """Each step runs the automation as often as expected."""
    await vesper.heartbeat()
    automation = await automate(hass, trigger, devices(hass), options)
    counts = []
    for act, _ in steps:
        await act(vesper)
        counts.append(len(automation.take()))
    assert counts == [runs for _, runs in steps]


FIVE_MINUTES = {"for": {"minutes": 5}}


@pytest.mark.usefixtures("no_broker")
@pytest.mark.parametrize(
    ("trigger", "steps"),
    [
        pytest.param(
            "went_offline",
            [(TIMEOUT, 0), (wait(298), 0), (wait(3), 1), (wait(600), 0)],
            id="offline for so long",
        ),
        pytest.param(
            "went_offline",
            [
                *(
                    (TIMEOUT, 0),
                    (wait(200), 0),
                    (HEARTBEAT, 0),
                    (wait(80), 0),
                    (HEARTBEAT, 0),
                ),
                *((TIMEOUT, 0), (wait(298), 0), (wait(3), 1)),
            ],
            id="offline, but not for so long",
        ),
        pytest.param(
            "went_offline",
            [
                *((TIMEOUT, 0), (wait(100), 0), (reload, 0), (mqtt_reloads, 0)),
                *((disconnect_broker, 0), (wait(100), 0), (reconnect_broker, 0)),
                *((wait(95), 0), (wait(10), 1), (wait(600), 0)),
            ],
            id="offline over reloads",
        ),
        pytest.param(
            "came_online",
            [
                *((TIMEOUT, 0), (HEARTBEAT, 0)),
                *[(wait(60), 0), (HEARTBEAT, 0)] * 4,
                *((wait(61), 1), (HEARTBEAT, 0), (wait(61), 0)),
            ],
            id="online for so long",
        ),
        pytest.param(
            "came_online",
            [(TIMEOUT, 0), (HEARTBEAT, 0), (TIMEOUT, 0), (wait(600), 0)],
            id="online, but not for so long",
        ),
    ],
)
async def test_lasting(
    hass: HomeAssistant, vesper: Vesper, trigger: str, steps: Steps
) -> None:
    """With `for` the state has to last."""
    await vesper.heartbeat()
    automation = await automate(hass, trigger, devices(hass), FIVE_MINUTES)
    counts = []
    for act, _ in steps:
        await act(vesper)
        counts.append(len(automation.take()))
    assert counts == [runs for _, runs in steps]
    assert automation.detach is not None
    automation.detach()


@pytest.mark.usefixtures("no_broker")
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            [(alert("CRITICAL"), 0), (wait(298), 0), (wait(3), 1), (wait(600), 0)],
            id="active for so long",
        ),
        pytest.param(
            [
                *((alert("CRITICAL"), 0), (wait(296), 0), (alert("CLEARED"), 0)),
                *((alert("CRITICAL"), 0), (wait(298), 0), (wait(3), 1)),
            ],
            id="active, but not for so long",
        ),
        pytest.param(
            [
                *((alert("CRITICAL"), 0), (wait(200), 0), (alert("WARNING"), 0)),
                *((wait(200), 0), (alert("CRITICAL"), 0), (wait(200), 0)),
                *((alert("WARNING"), 0), (alert("CRITICAL"), 0), (wait(298), 0)),
                (wait(3), 1),
            ],
            id="so severe, but not for so long",
        ),
        pytest.param(
            [
                *((alert("CRITICAL"), 0), (wait(200), 0), (alert("FAILED"), 0)),
                *((wait(298), 0), (wait(3), 1), (wait(600), 0)),
            ],
            id="gets worse",
        ),
        pytest.param(
            [
                *((alert("FAILED"), 0), (wait(100), 0), (alert("CRITICAL"), 0)),
                *((wait(100), 0), (alert("FAILED"), 0), (wait(98), 0), (wait(3), 1)),
            ],
            id="goes up and down",
        ),
        pytest.param(
            [
                *((alert("CRITICAL"), 0), (alert("FAILED", "Network"), 0)),
                *((wait(200), 0), (alert("CLEARED", "Network"), 0)),
                *((alert("CRITICAL", "Clock"), 0), (wait(101), 1), (wait(201), 1)),
            ],
            id="each subsystem by itself",
        ),
        pytest.param(
            [
                *((alert("CRITICAL"), 0), (wait(100), 0), (reload, 0)),
                *((disconnect_broker, 0), (wait(100), 0), (reconnect_broker, 0)),
                *((wait(95), 0), (wait(10), 1), (wait(600), 0)),
            ],
            id="active over reloads",
        ),
        pytest.param(
            [
                *((alert("CRITICAL"), 0), (wait(100), 0)),
                *((set_maintenance(hours=1), 0), (wait(600), 0)),
            ],
            id="in maintenance",
        ),
    ],
)
async def test_lasting_alert(hass: HomeAssistant, vesper: Vesper, steps: Steps) -> None:
    """With `for` the minimum severity has to last."""
    await vesper.heartbeat()
    options = {**FIVE_MINUTES, "severity": "critical"}
    automation = await automate(hass, "alert_raised", devices(hass), options)
    counts = []
    for act, _ in steps:
        await act(vesper)
        counts.append(len(automation.take()))
    assert counts == [runs for _, runs in steps]
    assert automation.detach is not None
    automation.detach()


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_variables_of_a_lasting_alert(
    hass: HomeAssistant, vesper: Vesper, *, acknowledged: bool
) -> None:
    """They have the alert's state when the automation runs."""
    await vesper.heartbeat()
    automation = await automate(hass, "alert_raised", devices(hass), FIVE_MINUTES)
    await vesper.alert("FileManager", "FAILED", "dead")
    await vesper.alert("FileManager", "CRITICAL", "slow")
    if acknowledged:
        await acknowledge()(vesper)
    await vesper.advance(301)
    (run,) = automation.take()
    assert (run["from_state"], run["to_state"]) == ("ok", "critical")
    assert (run["message"], run["acknowledged"]) == ("slow", acknowledged)


async def test_lasting_of_a_removed_device(hass: HomeAssistant, vesper: Vesper) -> None:
    """A removed or re-added device does not run it."""
    await vesper.heartbeat()
    await vesper.heartbeat(OTHER)
    automation = await automate(
        hass, "went_offline", devices(hass, [BELL, OTHER]), FIVE_MINUTES
    )
    await vesper.advance(91)
    await vesper.hub.async_remove_device(BELL)
    await vesper.hub.async_remove_device(OTHER)
    await vesper.heartbeat()
    for _ in range(6):
        await vesper.advance(60)
        await vesper.heartbeat()
    assert automation.take() == []


async def test_lasting_while_not_loaded(
    hass: HomeAssistant, entry: MockConfigEntry, vesper: Vesper
) -> None:
    """A state lasts while the entry is not loaded."""
    await vesper.heartbeat()
    automation = await automate(hass, "went_offline", devices(hass), FIVE_MINUTES)
    await vesper.advance(91)
    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    await vesper.advance(301)
    # A device of a disabled entry stays in the registry.
    assert len(automation.take()) == 1


async def test_detached(hass: HomeAssistant, vesper: Vesper) -> None:
    """A disabled automation has no listener."""
    await vesper.heartbeat()
    automation = await automate(hass, "went_offline", devices(hass), FIVE_MINUTES)
    await vesper.advance(91)
    assert automation.detach is not None
    automation.detach()
    await vesper.advance(301)
    await vesper.heartbeat()
    await vesper.advance(600)
    assert automation.take() == []


# Trigger variables


@pytest.mark.parametrize(
    ("trigger", "acts", "expected"),
    [
        pytest.param(
            "alert_raised",
            [alert("WARNING"), alert("CRITICAL")],
            {
                "subsystem": "FileManager",
                "from_state": "warning",
                "to_state": "critical",
                "message": "SD mount failed",
                "acknowledged": False,
                "description": "alert raised: Chapel bell",
            },
            id="raised",
        ),
        pytest.param(
            "alert_cleared",
            [
                alert("FAILED"),
                wait(60),
                alert("WARNING"),
                lambda vesper: vesper.alert("FileManager", "CLEARED"),
            ],
            {
                "subsystem": "FileManager",
                "from_state": "warning",
                "to_state": "ok",
                "message": "SD mount failed",
                "reason": "cleared",
                "raised_at": START,
                "worsened_at": START,
                "critical_at": None,
                "ended_at": START + timedelta(seconds=60),
                "maintenance_since": None,
                "announced": "failed",
                "acknowledged": False,
                "acknowledged_by": None,
                "description": "alert cleared: Chapel bell",
            },
            id="cleared",
        ),
        pytest.param(
            "alert_cleared",
            [
                alert("FAILED", retain=True),
                lambda vesper: vesper.alert("FileManager", "CLEARED"),
            ],
            {
                "subsystem": "FileManager",
                "from_state": "failed",
                "to_state": "ok",
                "message": "SD mount failed",
                "reason": "cleared",
                "raised_at": START,
                "worsened_at": START,
                "critical_at": START,
                "ended_at": START,
                "maintenance_since": None,
                "announced": None,
                "acknowledged": False,
                "acknowledged_by": None,
                "description": "alert cleared: Chapel bell",
            },
            id="cleared, of a retained alert",
        ),
        pytest.param(
            "alert_acknowledged",
            [alert("WARNING"), wait(60), alert("FAILED"), wait(60), acknowledge()],
            {
                "subsystem": "FileManager",
                "to_state": "failed",
                "message": "SD mount failed",
                "note": "",
                "acknowledged_by": None,
                "raised_at": START,
                "worsened_at": START + timedelta(seconds=60),
                "critical_at": START + timedelta(seconds=60),
                "announced": "failed",
                "description": "alert acknowledged: Chapel bell",
            },
            id="acknowledged",
        ),
        pytest.param(
            "went_offline",
            [TIMEOUT],
            {
                "from_state": "online",
                "to_state": "offline",
                "last_seen": START,
                "outage_since": None,
                "outage_until": None,
                "description": "went offline: Chapel bell",
            },
            id="offline",
        ),
        pytest.param(
            "came_online",
            [TIMEOUT, wait(60), reload, wait(60), HEARTBEAT],
            {
                "from_state": "offline",
                "to_state": "online",
                "maintenance_since": None,
                "offline_since": START + timedelta(seconds=91),
                "outage_since": None,
                "outage_until": None,
                "description": "came online: Chapel bell",
            },
            id="online",
        ),
        pytest.param(
            "came_online",
            [set_maintenance(hours=1), TIMEOUT, set_maintenance(), HEARTBEAT],
            {
                "from_state": "offline",
                "to_state": "online",
                "maintenance_since": None,
                "offline_since": START + timedelta(seconds=91),
                "outage_since": None,
                "outage_until": None,
                "description": "came online: Chapel bell",
            },
            id="online, after it went offline in maintenance",
        ),
        pytest.param(
            "restarted",
            [heartbeat(uptime=60), heartbeat(uptime=5, reset_reason=9)],
            {"reason": "brown_out", "description": "restarted: Chapel bell"},
            id="restarted",
        ),
        pytest.param(
            "restarted",
            [heartbeat(uptime=60, reset_reason=9), heartbeat(uptime=5)],
            {"reason": None, "description": "restarted: Chapel bell"},
            id="restarted for a reason that is not reported",
        ),
        pytest.param(
            "started_playing",
            [playback("started", "ABC123")],
            {
                "melody": "ABC123",
                "from_state": None,
                "to_state": "playing",
                "description": "started playing: Chapel bell",
            },
            id="started",
        ),
        pytest.param(
            "stopped_playing",
            [playback("started", "ABC123"), playback("stopped")],
            {
                "melody": "ABC123",
                "from_state": "playing",
                "to_state": "stopped",
                "reason": "stopped",
                "description": "stopped playing: Chapel bell",
            },
            id="stopped",
        ),
        pytest.param(
            "stopped_playing",
            [
                heartbeat(uptime=60),
                playback("started", "ABC123"),
                wait(60),
                heartbeat(uptime=5),
            ],
            {
                "melody": "ABC123",
                "from_state": "playing",
                "to_state": "stopped",
                "reason": "restart",
                "description": "stopped playing: Chapel bell",
            },
            id="stopped by a restart",
        ),
    ],
)
async def test_variables(
    hass: HomeAssistant,
    vesper: Vesper,
    trigger: str,
    acts: list[Act],
    expected: dict[str, Any],
) -> None:
    """The trigger variables have the device and the transition."""
    vesper.freezer.move_to(START)
    await vesper.reload()
    await vesper.heartbeat()
    device_id = registered_id(hass)
    area = ar.async_get(hass).async_create("Chapel")
    dr.async_get(hass).async_update_device(
        device_id, area_id=area.id, name_by_user="Chapel bell"
    )
    automation = await automate(hass, trigger, devices(hass))
    for act in acts:
        await act(vesper)
    assert automation.take()[-1] == expected | {
        "platform": f"vesper.{trigger}",
        "id": "0",
        "idx": "0",
        "alias": None,
        "device_id": device_id,
        "vesper_id": BELL,
        "name": "Chapel bell",
        "area": "Chapel",
        "site": None,
        "unstable": [],
    }


async def test_without_an_area(hass: HomeAssistant, vesper: Vesper) -> None:
    """Without a name a device has its default name."""
    await vesper.heartbeat()
    automation = await automate(hass, "alert_raised", devices(hass))
    await vesper.alert("FileManager", "WARNING")
    (run,) = automation.take()
    assert (run["name"], run["area"]) == ("Vesper bell", None)


async def test_fleet_outage(hass: HomeAssistant, vesper: Vesper) -> None:
    """An outage runs the automation once."""
    outage = await automate(hass, "fleet_outage")
    offline = await automate(hass, "went_offline", devices(hass, [FLEET]))
    for _ in range(2):
        for number in range(5):
            await vesper.heartbeat(f"bell-{number}")
        await vesper.advance(60)
        await vesper.heartbeat("bell-0")
        await vesper.advance(31)
        assert len(offline.take()) == 4
        (run,) = outage.take()
        assert run == {
            "platform": "vesper.fleet_outage",
            "id": "0",
            "idx": "0",
            "alias": None,
            "description": "fleet outage: All Vesper devices",
            "device_id": registered_id(hass, FLEET),
            "vesper_id": None,
            "name": "All Vesper devices",
            "area": None,
            "site": None,
            "unstable": [],
            "lost": 4,
            "online_before": 5,
            "floor": None,
        }
    for number in range(5):
        await vesper.heartbeat(f"bell-{number}")
    assert outage.take() == []


async def test_fleet_outage_ended(hass: HomeAssistant, vesper: Vesper) -> None:
    """It says which devices are not back."""
    bells = [f"bell-{number}" for number in range(5)]
    over = await automate(hass, "fleet_outage_ended")
    offline, online = [
        await automate(hass, "went_offline", devices(hass, [FLEET]), {"for": 60}),
        await automate(hass, "came_online", devices(hass, [FLEET])),
    ]
    for bell in bells:
        await vesper.heartbeat(bell)
    await vesper.advance(91)
    since = dt_util.utcnow()
    await vesper.advance(60)
    times = [(run["outage_since"], run["outage_until"]) for run in offline.take()]
    assert times == [(since, None)] * 5
    await vesper.advance(40)
    for _ in range(2):
        for bell in bells[:4]:
            await vesper.heartbeat(bell)
        await vesper.advance(46)
    assert [(run["outage_since"], run["outage_until"]) for run in online.take()] == [
        (since, None)
    ] * 4
    (run,) = over.take()
    assert run == {
        "platform": "vesper.fleet_outage_ended",
        "id": "0",
        "idx": "0",
        "alias": None,
        "description": "fleet outage ended: All Vesper devices",
        "device_id": registered_id(hass, FLEET),
        "vesper_id": None,
        "name": "All Vesper devices",
        "area": None,
        "floor": None,
        "site": None,
        "unstable": [],
        "lost": 5,
        "online_before": 5,
        "duration": 100,
        "still_offline": 1,
        "still_offline_names": ("Vesper bell-4",),
    }
    for _ in range(2):
        await vesper.heartbeat("bell-4")
        for _ in range(4):
            for bell in bells[:4]:
                await vesper.heartbeat(bell)
            await vesper.advance(46)
    assert [run["outage_since"] for run in offline.take()] == [None, None]
    (once, again) = [
        (run["outage_since"], run["outage_until"]) for run in online.take()
    ]
    assert once == (since, since + timedelta(seconds=100))
    assert again == (None, None)


# Targets


async def _raises(vesper: Vesper, automation: Automation, device_id: str) -> int:
    """Return how often an alert runs an automation.

    It is another one each time: the same one would flap.
    """
    device = vesper.hub.devices.get(device_id)
    number = len(device.alerts.subsystems) if device else 0
    await vesper.alert(f"S{number}", "FAILED", device_id=device_id)
    return len(automation.take())


@pytest.fixture
async def places(hass: HomeAssistant, vesper: Vesper) -> dict[str, str]:
    """Place and label a device; return its targets."""
    for device_id in (BELL, OTHER):
        await vesper.heartbeat(device_id)
    labels = lr.async_get(hass)
    of_device, of_entity, of_area = (
        labels.async_create(name).label_id for name in ("device", "entity", "area")
    )
    floor_id = fr.async_get(hass).async_create("Upstairs").floor_id
    area_id = ar.async_get(hass).async_create("Chapel", floor_id=floor_id).id
    ar.async_get(hass).async_update(area_id, labels={of_area})
    entity_id = vesper.entity_id("connectivity")
    dr.async_get(hass).async_update_device(
        registered_id(hass), area_id=area_id, labels={of_device}
    )
    other_area_id = ar.async_get(hass).async_create("Cupboard").id
    er.async_get(hass).async_update_entity(
        entity_id, labels={of_entity}, area_id=other_area_id
    )
    return {
        "device": registered_id(hass),
        "area": area_id,
        "floor": floor_id,
        "label of device": of_device,
        "label of entity": of_entity,
        "label of area": of_area,
        "entity": entity_id,
        "area of entity": other_area_id,
    }


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("device_id", "device"),
        ("area_id", "area"),
        ("floor_id", "floor"),
        ("label_id", "label of device"),
        ("label_id", "label of entity"),
        ("label_id", "label of area"),
        ("entity_id", "entity"),
        ("area_id", "area of entity"),
    ],
)
async def test_targets(
    hass: HomeAssistant, vesper: Vesper, places: dict[str, str], key: str, place: str
) -> None:
    """Each kind of target chooses the device."""
    automation = await automate(hass, "alert_raised", {key: places[place]})
    assert await _raises(vesper, automation, BELL) == 1
    assert await _raises(vesper, automation, OTHER) == 0


async def test_the_fleet_stands_for_its_devices(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """The fleet as target includes all devices."""
    automation = await automate(hass, "alert_raised", devices(hass, [FLEET]))
    assert await _raises(vesper, automation, BELL) == 1
    assert await _raises(vesper, automation, OTHER) == 1


async def test_what_moves(
    hass: HomeAssistant, vesper: Vesper, places: dict[str, str]
) -> None:
    """A device counts while in a chosen area."""
    automation = await automate(hass, "alert_raised", {"area_id": places["area"]})
    assert await _raises(vesper, automation, OTHER) == 0
    registry = dr.async_get(hass)
    registry.async_update_device(registered_id(hass, OTHER), area_id=places["area"])
    registry.async_update_device(registered_id(hass), area_id=None)
    assert await _raises(vesper, automation, OTHER) == 1
    assert await _raises(vesper, automation, BELL) == 0


async def test_what_is_new(
    hass: HomeAssistant, vesper: Vesper, places: dict[str, str]
) -> None:
    """A new device is chosen with its first message."""
    dr.async_get(hass).async_update_device(
        registered_id(hass, OTHER), area_id=places["area"]
    )
    automation = await automate(hass, "alert_raised", {"area_id": places["area"]})
    await vesper.advance(91)
    await vesper.hub.async_remove_device(OTHER)
    await vesper.alert("FileManager", "WARNING", device_id=OTHER)
    assert [run["vesper_id"] for run in automation.take()] == [OTHER]


@pytest.mark.parametrize(
    "target", [{"device_id": "gone"}, {"entity_id": "sun.sun"}, {"area_id": []}, {}]
)
async def test_nothing_chosen(
    hass: HomeAssistant, vesper: Vesper, target: dict[str, Any]
) -> None:
    """A target without devices of Vesper runs nothing."""
    automation = await automate(hass, "alert_raised", target)
    assert await _raises(vesper, automation, BELL) == 0


# Set-up order


async def test_before_the_entry(
    hass: HomeAssistant, entry: MockConfigEntry, vesper: Vesper
) -> None:
    """An automation set up before the entry runs."""
    await vesper.heartbeat()
    assert await hass.config_entries.async_unload(entry.entry_id)
    automation = await automate(hass, "alert_raised", devices(hass))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert await _raises(vesper, automation, BELL) == 1


async def test_while_home_assistant_starts(hass: HomeAssistant, vesper: Vesper) -> None:
    """Transitions during the start wait for automations."""
    await vesper.heartbeat()
    hass.set_state(CoreState.starting)
    await vesper.reload()
    automation = await automate(hass, "alert_raised", devices(hass))
    await vesper.alert("FileManager", "WARNING")
    await vesper.alert("FileManager", "CRITICAL")
    assert automation.take() == []
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()
    assert [run["to_state"] for run in automation.take()] == ["warning", "critical"]
    await vesper.alert("FileManager", "FAILED")
    assert [run["to_state"] for run in automation.take()] == ["failed"]


# Devices in maintenance


async def test_suppressed(hass: HomeAssistant, vesper: Vesper) -> None:
    """A device in maintenance runs nothing."""
    await vesper.heartbeat()
    automation = await automate(hass, "alert_raised", devices(hass))
    with patch.object(Device, "is_suppressed", return_value=True):
        await vesper.alert("FileManager", "WARNING")
    assert automation.take() == []
    ((trigger, info),) = automation.not_triggered
    assert trigger == "vesper.alert_raised"
    assert info.as_dict() == {
        "reason": "suppressed",
        "data": {"device_id": registered_id(hass)},
    }
    await vesper.alert("FileManager", "CRITICAL")
    assert len(automation.take()) == 1


async def test_suppressed_without_a_trace(hass: HomeAssistant, vesper: Vesper) -> None:
    """Without a trace no reason is recorded."""
    await vesper.heartbeat()
    automation = await automate(hass, "alert_raised", devices(hass), traced=False)
    with patch.object(Device, "is_suppressed", return_value=True):
        await vesper.alert("FileManager", "WARNING")
    assert automation.take() == []


@pytest.mark.parametrize("back", [True, False])
async def test_suppressed_meanwhile(
    hass: HomeAssistant, vesper: Vesper, *, back: bool
) -> None:
    """In maintenance, the end of `for` runs nothing."""
    await vesper.heartbeat()
    automation = await automate(hass, "went_offline", devices(hass), FIVE_MINUTES)
    await vesper.advance(91)
    with patch.object(Device, "is_suppressed", return_value=True):
        if back:
            await vesper.heartbeat()
            await vesper.advance(60)
        else:
            await vesper.advance(301)
    await vesper.heartbeat()
    for _ in range(5):
        await vesper.advance(60)
        await vesper.heartbeat()
    assert automation.take() == []


# Configuration


def test_target_support() -> None:
    """Every trigger has a target like Home Assistant's."""
    assert_triggers_target_support(
        TRIGGERS, dict.fromkeys(TRIGGERS, TargetSupport.CUSTOM)
    )


@pytest.mark.parametrize(
    ("trigger", "config"),
    [
        ("alert_raised", {}),
        ("alert_raised", {"target": {}, "options": {"severity": "ok"}}),
        ("alert_raised", {"target": {}, "options": {"subsystems": [{}]}}),
        ("alert_cleared", {"target": {}, "options": {"severity": "warning"}}),
        ("restarted", {"target": {}, "options": {"reasons": ["boredom"]}}),
        ("went_offline", {"target": {}, "options": {"for": "soon"}}),
        ("started_playing", {"target": {}, "options": {"melody": "A"}}),
        ("fell_over", {"target": {}}),
    ],
)
async def test_bad_config(
    hass: HomeAssistant, vesper: Vesper, trigger: str, config: dict[str, Any]
) -> None:
    """An invalid configuration is rejected."""
    with pytest.raises(vol.Invalid):
        await async_validate_trigger_config(
            hass, [{"platform": f"vesper.{trigger}", **config}]
        )
