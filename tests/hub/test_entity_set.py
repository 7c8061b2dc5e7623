"""Test which entities of a device are enabled."""

from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.vesper import DESCRIPTIONS
from custom_components.vesper.const import CONF_ENTITIES, CONF_MAX_DEVICES, DOMAIN
from custom_components.vesper.hub import admission
from custom_components.vesper.hub.entity_set import ESSENTIAL_KEYS, EntitySet
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.helpers.entity_platform import MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY
from tests.common import BELL, FLEET, Vesper

pytestmark = pytest.mark.usefixtures("as_installed")

SUBSYSTEM = "FileManager"

SHOWN = {
    *("active_alerts", "boot_time", "connectivity", "heap_free", "health"),
    *("maintenance", "melody", "playing", "reset_reason"),
}
"""The entities enabled by default: those that the cards show."""


async def _choose(vesper: Vesper, entity_set: EntitySet) -> None:
    """Set the option of the entity set."""
    vesper.hass.config_entries.async_update_entry(
        vesper.entry, options={**vesper.entry.options, CONF_ENTITIES: entity_set}
    )
    await vesper.reload()


def _enabled(vesper: Vesper, device_id: str = BELL) -> set[str]:
    """Return the keys of a device's enabled entities."""
    return set(vesper.values(device_id))


async def test_what_is_enabled(vesper: Vesper) -> None:
    """Only entities that the cards show are enabled."""
    await vesper.heartbeat(uptime=5)
    assert _enabled(vesper) == SHOWN
    assert len(vesper.keys()) == 19


@pytest.mark.parametrize("entity_set", EntitySet)
def test_so_many_devices_fit(entity_set: EntitySet) -> None:
    """Entities of the fleet and alerts have reserved room."""
    each = len(entity_set.enabled(DESCRIPTIONS))
    reserved = 500 if entity_set.has_alert_sensors else 0
    most = entity_set.max_devices * each + reserved + 8
    assert most <= MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY


async def test_essential_entities(vesper: Vesper) -> None:
    """Each device has three entities, which include its alerts."""
    await _choose(vesper, EntitySet.ESSENTIAL)
    await vesper.heartbeat(uptime=5)
    await vesper.alert(SUBSYSTEM, "CRITICAL", "SD mount failed")
    assert vesper.keys() == set(ESSENTIAL_KEYS)
    assert vesper.value("connectivity") == "on"
    assert vesper.value("health") == "critical"
    (alert,) = vesper.state("active_alerts").attributes["alerts"]
    assert (alert["subsystem"], alert["message"]) == (SUBSYSTEM, "SD mount failed")
    assert vesper.value("devices_with_alerts", FLEET) == "1"
    await vesper.alert(SUBSYSTEM, "CLEARED")
    assert vesper.value("health") == "ok"


async def test_from_all_to_the_essential_and_back(
    vesper: Vesper, entity_registry: er.EntityRegistry
) -> None:
    """Restored entities are as a user left them."""
    await vesper.heartbeat(uptime=5)
    await vesper.alert(SUBSYSTEM, "WARNING")
    everything = vesper.keys()
    entity_registry.async_update_entity(
        vesper.state("heap_free").entity_id,
        name="Memory",
        new_entity_id="sensor.memory",
    )
    fleet = vesper.keys(FLEET)
    kept = {vesper.entity_id(key) for key in ESSENTIAL_KEYS}
    updates = async_capture_events(vesper.hass, er.EVENT_ENTITY_REGISTRY_UPDATED)

    await _choose(vesper, EntitySet.ESSENTIAL)
    removed = {
        event.data["entity_id"] for event in updates if event.data["action"] == "remove"
    }
    assert "sensor.memory" in removed
    assert not removed & kept, "they are not even removed for a moment"
    assert vesper.keys() == set(ESSENTIAL_KEYS)
    assert vesper.keys(FLEET) == fleet
    assert vesper.value("health") == "warning"
    assert vesper.hass.states.get("sensor.memory") is None

    await _choose(vesper, EntitySet.ALL)
    assert vesper.keys() == everything
    assert vesper.value(f"alert_{SUBSYSTEM}") == "warning"
    memory = entity_registry.async_get("sensor.memory")
    assert memory is not None
    assert memory.name == "Memory"


async def test_known_devices_that_do_not_fit_are_rejected(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A known device has all entities or is rejected."""
    await _choose(vesper, EntitySet.ESSENTIAL)
    for number in range(4):
        await vesper.heartbeat(f"bell-{number}", uptime=5)
    name, room = "MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY", 10 + 4 * 3 + 2 * 6
    with (
        patch(f"homeassistant.helpers.entity_platform.{name}", room),
        patch.object(admission, name, room),
    ):
        await _choose(vesper, EntitySet.ALL)
        assert set(vesper.hub.devices) == {"bell-0", "bell-1"}
        assert _enabled(vesper, "bell-0") == _enabled(vesper, "bell-1") == SHOWN
        assert vesper.keys("bell-2") == vesper.keys("bell-3") == set(ESSENTIAL_KEYS)
        assert "Reached the maximum" not in caplog.text
        await vesper.advance(2)
        (issue,) = ir.async_get(vesper.hass).issues.values()
        assert issue.translation_placeholders is not None
        assert issue.translation_placeholders["devices"] == "2"


async def test_rejected_devices_are_restored_when_there_is_room(vesper: Vesper) -> None:
    """Rejected devices are stored and restored with their state."""
    await _choose(vesper, EntitySet.ESSENTIAL)
    for number in range(4):
        await vesper.heartbeat(f"bell-{number}", uptime=5)
    for number in (2, 3):
        await vesper.alert(SUBSYSTEM, "CRITICAL", device_id=f"bell-{number}")
    name, room = "MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY", 10 + 4 * 3 + 2 * 6
    with (
        patch(f"homeassistant.helpers.entity_platform.{name}", room),
        patch.object(admission, name, room),
    ):
        await _choose(vesper, EntitySet.ALL)
        assert set(vesper.hub.devices) == {"bell-0", "bell-1"}
        await vesper.alert(SUBSYSTEM, "WARNING", device_id="bell-0")
        await vesper.advance(2)
        registry = dr.async_get(vesper.hass)
        removed = registry.async_get_device_by_identifier(
            (DOMAIN, "bell-2"), vesper.entry.entry_id
        )
        assert removed is not None
        registry.async_remove_device(removed.id)
    await vesper.heartbeat("bell-3", uptime=35)
    assert vesper.value("health", "bell-3") == "critical"

    await _choose(vesper, EntitySet.ESSENTIAL)
    assert vesper.value("health", "bell-3") == "critical"
    assert set(vesper.hub.devices) == {"bell-0", "bell-1", "bell-3"}


async def test_more_enabled_by_hand_than_fits(
    vesper: Vesper, entity_registry: er.EntityRegistry
) -> None:
    """Entities enabled by a user may exceed the limit."""
    for number in range(3):
        await vesper.heartbeat(f"bell-{number}", uptime=5)
    name, room = "MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY", 8 + 3 * 9
    with (
        patch(f"homeassistant.helpers.entity_platform.{name}", room),
        patch.object(admission, name, room),
    ):
        for number in range(3):
            entity_id = vesper.entity_id("last_seen", f"bell-{number}")
            entity_registry.async_update_entity(entity_id, disabled_by=None)
        await vesper.reload()
        assert len(vesper.hub.devices) == 3


async def _submit(
    hass: HomeAssistant, entry: MockConfigEntry, **options: object
) -> dict[str, str]:
    """Submit the form of limits and return its errors."""
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    form = await hass.config_entries.options.async_configure(
        menu["flow_id"], {"next_step_id": "limits"}
    )
    result = await hass.config_entries.options.async_configure(form["flow_id"], options)
    await hass.async_block_till_done()
    if result["type"] is FlowResultType.CREATE_ENTRY:
        return {}
    assert result["errors"]
    return dict(result["errors"])


async def test_more_devices_than_fit_are_refused(vesper: Vesper) -> None:
    """The form rejects a limit that can't fit."""
    hass, entry = vesper.hass, vesper.entry
    all_of_them = {CONF_ENTITIES: EntitySet.ALL, CONF_MAX_DEVICES: 1001}
    assert await _submit(hass, entry, **all_of_them) == {
        CONF_MAX_DEVICES: "over_the_limit"
    }
    essential = {CONF_ENTITIES: EntitySet.ESSENTIAL, CONF_MAX_DEVICES: 3000}
    assert await _submit(hass, entry, **essential) == {}
    assert vesper.hub.entity_set is EntitySet.ESSENTIAL


async def test_all_entities_of_too_many_devices_are_refused(vesper: Vesper) -> None:
    """The form rejects all entities if devices don't fit."""
    await _choose(vesper, EntitySet.ESSENTIAL)
    await vesper.heartbeat("bell-1")
    await vesper.heartbeat("bell-2")
    choice = {CONF_ENTITIES: EntitySet.ALL, CONF_MAX_DEVICES: 1}
    with patch.dict(
        "custom_components.vesper.hub.entity_set._MAX_DEVICES", {EntitySet.ALL: 1}
    ):
        assert await _submit(vesper.hass, vesper.entry, **choice) == {
            CONF_ENTITIES: "too_many_devices"
        }
    assert vesper.hub.entity_set is EntitySet.ESSENTIAL


async def test_the_choice_while_vesper_is_not_loaded(vesper: Vesper) -> None:
    """Any entity set is accepted while devices are unknown."""
    await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    choice = {CONF_ENTITIES: EntitySet.ESSENTIAL, CONF_MAX_DEVICES: 2000}
    assert await _submit(vesper.hass, vesper.entry, **choice) == {}
    assert vesper.entry.options[CONF_MAX_DEVICES] == 2000
