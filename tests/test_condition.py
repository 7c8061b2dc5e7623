"""Conditions: the state of devices as far as known."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.common import (
    TargetSupport,
    assert_conditions_target_support,
)
import voluptuous as vol

from custom_components.vesper.condition import CONDITIONS
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr
from homeassistant.helpers.condition import async_validate_condition_config

from .automation import condition, devices, registered_id
from .common import BELL, FLEET, Vesper

OTHER = "tower"

#: Conditions without options of their own, with "has_alert" by its defaults.
PLAIN = ("has_alert", "is_healthy", "is_offline", "is_online", "is_playing")


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up few platforms: conditions do not use entities."""
    return [Platform.BINARY_SENSOR]


async def _true(hass: HomeAssistant, *device_ids: str) -> set[str]:
    """Return the conditions that are true of some devices."""
    true = set()
    for name in PLAIN:
        checker = await condition(hass, name, devices(hass, device_ids or (BELL,)))
        if checker.async_check():
            true.add(name)
        checker.async_unload()
        # Home Assistant may do so again; that logs no error.
        checker.async_unload()
    return true


async def test_life_of_a_device(hass: HomeAssistant, vesper: Vesper) -> None:
    """Each condition follows its device."""
    await vesper.heartbeat(retain=True)
    assert await _true(hass) == {"is_healthy"}
    await vesper.heartbeat()
    assert await _true(hass) == {"is_healthy", "is_online"}
    await vesper.info("playback_started")
    assert await _true(hass) == {"is_healthy", "is_online", "is_playing"}
    await vesper.alert("FileManager", "WARNING")
    assert await _true(hass) == {"has_alert", "is_online", "is_playing"}
    await vesper.disconnect_broker()
    assert await _true(hass) == {"has_alert"}
    await vesper.reconnect_broker()
    assert await _true(hass) == {"has_alert", "is_online"}
    await vesper.advance(91)
    assert await _true(hass) == {"has_alert", "is_offline"}
    await vesper.disconnect_broker()
    assert await _true(hass) == {"has_alert"}
    await vesper.reconnect_broker()
    await vesper.alert("FileManager", "CLEARED")
    assert await _true(hass) == {"is_healthy", "is_online"}


async def test_a_wall_clock_that_was_set_back(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Without a duration it does not matter."""
    await vesper.heartbeat()
    await vesper.alert("SD", "WARNING")
    with vesper.wall_clock_set(-3600):
        assert await _true(hass) == {"has_alert", "is_online"}


async def test_while_not_loaded(
    hass: HomeAssistant, entry: MockConfigEntry, vesper: Vesper
) -> None:
    """Nothing is true while the entry is not loaded."""
    await vesper.heartbeat()
    checker = await condition(hass, "is_online", devices(hass))
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert checker.async_check() is False
    assert await _true(hass) == set()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await vesper.heartbeat()
    assert checker.async_check() is True
    checker.async_unload()


@pytest.mark.parametrize(
    ("options", "is_true"),
    [
        ({}, True),
        ({"severity": "warning"}, True),
        ({"severity": "critical"}, True),
        ({"severity": "failed"}, False),
        ({"subsystems": ["FileManager"]}, True),
        ({"subsystems": "Network"}, True),
        ({"subsystems": ["filemanager"]}, False),
        ({"severity": "critical", "subsystems": ["FileManager"]}, False),
        ({"severity": "critical", "subsystems": ["FileManager", "Network"]}, True),
    ],
)
async def test_has_alert(
    hass: HomeAssistant, vesper: Vesper, options: dict[str, Any], *, is_true: bool
) -> None:
    """One alert must match both subsystem and severity."""
    await vesper.alert("FileManager", "WARNING")
    await vesper.alert("Network", "CRITICAL")
    checker = await condition(hass, "has_alert", devices(hass), **options)
    assert checker.async_check() is is_true
    checker.async_unload()


@pytest.mark.parametrize(
    ("behavior", "online", "is_true"),
    [
        ("any", [], False),
        ("any", [BELL], True),
        ("any", [BELL, OTHER], True),
        ("all", [], False),
        ("all", [BELL], False),
        ("all", [BELL, OTHER], True),
    ],
)
async def test_behavior(
    hass: HomeAssistant,
    vesper: Vesper,
    behavior: str,
    online: list[str],
    *,
    is_true: bool,
) -> None:
    """Any device has to match, or all of them."""
    for device_id in (BELL, OTHER):
        await vesper.heartbeat(device_id)
    await vesper.advance(91)
    for device_id in online:
        await vesper.heartbeat(device_id)
    target = devices(hass, [FLEET])
    checker = await condition(hass, "is_online", target, behavior=behavior)
    assert checker.async_check() is is_true
    checker.async_unload()


@pytest.mark.parametrize("behavior", ["any", "all"])
async def test_nothing_chosen(
    hass: HomeAssistant, vesper: Vesper, behavior: str
) -> None:
    """Nothing is true of a target without Vesper devices."""
    await vesper.heartbeat()
    area_id = ar.async_get(hass).async_create("Chapel").id
    checker = await condition(
        hass, "is_online", {"area_id": area_id}, behavior=behavior
    )
    assert checker.async_check() is False
    device_id = registered_id(hass)
    dr.async_get(hass).async_update_device(device_id, area_id=area_id)
    assert checker.async_check() is True
    dr.async_get(hass).async_update_device(device_id, area_id=None)
    assert checker.async_check() is False
    checker.async_unload()


def test_target_support() -> None:
    """Every condition has a target like Home Assistant's own."""
    assert_conditions_target_support(
        CONDITIONS, dict.fromkeys(CONDITIONS, TargetSupport.CUSTOM)
    )
    assert tuple(CONDITIONS) == PLAIN


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("is_online", {}),
        ("is_online", {"target": {}, "options": {"behavior": "each"}}),
        ("is_online", {"target": {}, "options": {"severity": "warning"}}),
        ("has_alert", {"target": {}, "options": {"severity": "ok"}}),
        ("has_alert", {"target": {}, "options": {"subsystems": [{}]}}),
        ("is_bored", {"target": {}}),
    ],
)
async def test_bad_config(
    hass: HomeAssistant, vesper: Vesper, name: str, config: dict[str, Any]
) -> None:
    """An invalid configuration is rejected."""
    with pytest.raises(vol.Invalid):
        await async_validate_condition_config(
            hass, {"condition": f"vesper.{name}", **config}
        )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("has_alert", {}),
        ("has_alert", {"severity": "critical"}),
        ("is_healthy", {}),
        ("is_offline", {}),
        ("is_online", {}),
        ("is_playing", {}),
    ],
)
async def test_for(
    hass: HomeAssistant, vesper: Vesper, name: str, options: dict[str, Any]
) -> None:
    """It has to be true for so long."""
    await vesper.heartbeat()
    match name:
        case "has_alert":
            await vesper.alert("SD", "CRITICAL")
        case "is_healthy":
            await vesper.alert("SD", "WARNING")
            await vesper.alert("SD", "CLEARED")
        case "is_offline":
            await vesper.advance(91)
        case "is_playing":
            await vesper.info("playback_started")
    target = devices(hass, (BELL,))
    options |= {"for": {"minutes": 5}}
    checker = await condition(hass, name, target, **options)
    short = await condition(hass, name, target, **options, behavior="all")
    for _ in range(4):
        if name != "is_offline":
            await vesper.heartbeat()
        await vesper.advance(60)
    assert not checker.async_check()
    if name != "is_playing":
        await vesper.reload()
    if name == "is_offline":
        await vesper.advance(91)
    else:
        await vesper.heartbeat()
        await vesper.advance(58)
        assert not short.async_check()
        await vesper.advance(2)
    assert checker.async_check()
    assert short.async_check()
    checker.async_unload()
    short.async_unload()


async def test_for_what_was_always_so(hass: HomeAssistant, vesper: Vesper) -> None:
    """Without any alert, a device was always healthy."""
    await vesper.heartbeat()
    checker = await condition(hass, "is_healthy", devices(hass), **{"for": 300})
    assert checker.async_check()
    checker.async_unload()


@pytest.mark.parametrize("severity", ["critical", "failed"])
async def test_for_since_it_is_so_severe(
    hass: HomeAssistant, vesper: Vesper, severity: str
) -> None:
    """Its time as a warning does not count."""
    await vesper.heartbeat()
    target = devices(hass, (BELL,))
    options: dict[str, Any] = {"for": {"minutes": 5}}
    severe = await condition(hass, "has_alert", target, severity=severity, **options)
    any_severity = await condition(hass, "has_alert", target, **options)
    await vesper.alert("SD", "WARNING")
    await vesper.advance(240)
    await vesper.alert("SD", severity.upper())
    await vesper.advance(60)
    assert any_severity.async_check()
    assert not severe.async_check()
    await vesper.advance(240)
    assert severe.async_check()
    severe.async_unload()
    any_severity.async_unload()
