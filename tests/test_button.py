"""Test the button of a device and its command."""

import json

import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from syrupy.assertion import SnapshotAssertion

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from .common import BELL, Vesper


async def press(vesper: Vesper) -> None:
    """Press the button."""
    await vesper.hass.services.async_call(
        "button",
        "press",
        {"entity_id": vesper.entity_id("run_health_check")},
        blocking=True,
    )


@pytest.mark.parametrize("platforms", [[Platform.BUTTON]])
async def test_all(
    hass: HomeAssistant,
    vesper: Vesper,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    """Registry entries and states match the snapshot."""
    await vesper.report_everything()
    await snapshot_platform(hass, entity_registry, snapshot, vesper.entry.entry_id)


@pytest.mark.parametrize("retain", [True, False])
async def test_press(vesper: Vesper, *, retain: bool) -> None:
    """It publishes one command that is not retained."""
    await vesper.heartbeat(retain=retain)
    publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
    publish.reset_mock()
    await press(vesper)
    publish.assert_called_once()
    topic, payload, qos, retained = publish.call_args.args[:4]
    assert topic == f"vesper/{BELL}/control"
    assert json.loads(payload) == {"v": 2, "cmd": "system.health"}
    assert qos == 0
    assert retained is False


async def test_press_without_device(vesper: Vesper) -> None:
    """An offline device gets no command."""
    await vesper.heartbeat()
    await vesper.advance(91)
    publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
    publish.reset_mock()
    await press(vesper)
    publish.assert_not_called()


async def test_press_while_disconnected(vesper: Vesper) -> None:
    """No command is queued while disconnected."""
    await vesper.heartbeat()
    await vesper.disconnect_broker()
    publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
    publish.reset_mock()
    await press(vesper)
    with pytest.raises(HomeAssistantError, match="no link to the MQTT broker") as error:
        await vesper.hub.async_run_health_check(vesper.hub.devices[BELL])
    assert error.value.translation_domain == "vesper"
    assert error.value.translation_key == "link_down"
    publish.assert_not_called()
