"""The activity event of a device, from message to event."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .common import BELL, Vesper


def told(vesper: Vesper) -> tuple[Any, Any, Any]:
    """Return the event type, the device's own word for it and its payload."""
    attributes = vesper.state("activity").attributes
    return (
        attributes["event_type"],
        attributes.get("type"),
        attributes.get("payload"),
    )


@pytest.mark.parametrize("platforms", [[Platform.EVENT]])
async def test_all(
    hass: HomeAssistant,
    vesper: Vesper,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    """Registry and states are as they were when somebody last looked at them."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.say_everything()
    await snapshot_platform(hass, entity_registry, snapshot, vesper.entry.entry_id)


@pytest.mark.parametrize(
    ("kind", "event_type"),
    [
        ("playback_started", "playback_started"),
        ("playback_stopped", "playback_stopped"),
        ("volume_changed", "other"),
        ("Playback_Started", "other"),
        ("other", "other"),
    ],
)
@pytest.mark.parametrize("payload", [{}, {"melody_uid": "ABC123", "n": [1, None]}])
async def test_types(
    vesper: Vesper, kind: str, event_type: str, payload: dict[str, Any]
) -> None:
    """What has a name goes by it, all else is `other`; type and payload come along."""
    await vesper.heartbeat()
    assert vesper.value("activity") == STATE_UNKNOWN
    await vesper.info(kind, payload)
    assert told(vesper) == (event_type, kind, payload)


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (None, {}),
        ([1, 2], {}),
        ("text", {}),
        (3, {}),
        (False, {}),
        ({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}, {}),
        ({"melody_uid": None}, {"melody_uid": None}),
        ({"melody_uid": ["A"]}, {"melody_uid": ["A"]}),
        ({"melody_uid": "x" * 65}, {"melody_uid": "x" * 65}),
        ({"type": "a", "payload": {}}, {"type": "a", "payload": {}}),
    ],
)
@pytest.mark.parametrize("kind", ["playback_started", "odd"])
async def test_odd_payloads(
    vesper: Vesper, kind: str, payload: Any, shown: dict[str, Any]
) -> None:
    """A payload that can't be used loses neither the event nor what it means."""
    await vesper.heartbeat()
    await vesper.info(kind, payload)
    started = kind == "playback_started"
    assert told(vesper) == (kind if started else "other", kind, shown)
    assert vesper.value("playing") == ("on" if started else STATE_UNKNOWN)
    assert vesper.value("melody") == STATE_UNKNOWN


async def test_fires_each_time(hass: HomeAssistant, vesper: Vesper) -> None:
    """Twice the same is two events, within the same moment too."""
    await vesper.heartbeat()
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    for _ in range(3):
        await vesper.info("chime", {"n": 1})
        await vesper.advance(1)
    assert [
        change.data["entity_id"]
        for change in changes
        if change.data["entity_id"] == vesper.entity_id("activity")
    ] == [vesper.entity_id("activity")] * 3


async def test_the_first_word_of_a_device(vesper: Vesper) -> None:
    """A device that appears by what happens on it has that event."""
    await vesper.info("playback_started", {"melody_uid": "ABC123"})
    assert told(vesper) == (
        "playback_started",
        "playback_started",
        {"melody_uid": "ABC123"},
    )
    assert vesper.value("playing") == "on"


async def test_never_of_what_was_kept(vesper: Vesper) -> None:
    """A retained info message fires nothing, changes nothing and makes no device."""
    payload = b'{"type": "playback_started", "payload": {"melody_uid": "ABC123"}}'
    await vesper.publish("ghost", "info", payload, retain=True)
    assert "ghost" not in vesper.hub.devices
    await vesper.heartbeat()
    before = vesper.values()
    await vesper.publish(BELL, "info", payload, retain=True)
    assert vesper.values() == before


async def test_never_because_of_a_reload(hass: HomeAssistant, vesper: Vesper) -> None:
    """A reload or a lost link leaves the last event as it was."""
    await vesper.info("chime")
    before = vesper.state("activity")
    await vesper.advance(10)
    await vesper.reload()
    await vesper.heartbeat()
    await vesper.lose_link()
    await vesper.regain_link()
    after = vesper.state("activity")
    assert after.state == before.state
    assert after.attributes == before.attributes
