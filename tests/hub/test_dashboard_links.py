"""Test the links from device pages to dashboards."""

from collections.abc import Awaitable, Callable
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from homeassistant.components.lovelace import LOVELACE_DATA
from homeassistant.const import EVENT_LOVELACE_UPDATED
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from tests.automation import registered_id
from tests.common import BELL, FLEET, Vesper

VESPER = {"strategy": {"type": "custom:vesper"}}

#: Dashboards that are not ours.
OTHERS: list[Any] = [
    {"views": []},
    {"strategy": {"type": "home"}},
    {"strategy": "custom:vesper"},
    {"strategy": {}},
    {"views": [VESPER]},
]

type Command = Callable[..., Awaitable[Any]]


@pytest.fixture
def yaml_dashboards() -> dict[str, str]:
    """Return the files of the dashboards in YAML mode."""
    return {}


@pytest.fixture
def in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each device be a chunk of its own."""
    monkeypatch.setattr("custom_components.vesper.hub.chunks.CHUNK", 0)


@pytest.fixture
async def command(
    hass: HomeAssistant,
    vesper: Vesper,  # it registers views, which is possible before only
    hass_ws_client: WebSocketGenerator,
    tmp_path: Path,
    yaml_dashboards: dict[str, str],
) -> Command:
    """Set up dashboards; return what sends a command."""
    dashboards = {
        path: {"mode": "yaml", "filename": filename, "title": path}
        for path, filename in yaml_dashboards.items()
    }
    config = {"lovelace": {"dashboards": dashboards}}
    hass.config.components.remove("lovelace")
    # Here are the files of dashboards in YAML mode.
    with patch.object(hass.config, "config_dir", str(tmp_path)):
        assert await async_setup_component(hass, "lovelace", config)
    client = await hass_ws_client()

    async def command(kind: str, **fields: Any) -> Any:
        """Send a command and return its result."""
        await client.send_json_auto_id({"type": f"lovelace/{kind}", **fields})
        answer = await client.receive_json()
        assert answer["success"], answer
        await hass.async_block_till_done()
        return answer["result"]

    return command


async def _add(command: Command, path: str, config: Any = VESPER) -> str:
    """Add a dashboard and return its id."""
    made = await command("dashboards/create", url_path=path, title=path)
    await command("config/save", url_path=path, config=config)
    dashboard_id: str = made["id"]
    return dashboard_id


def _links(hass: HomeAssistant) -> dict[str, str | None]:
    """Return the links of all devices by name."""
    registry = dr.async_get(hass)
    return {
        str(entry.name): entry.configuration_url
        for entry in dr.async_entries_for_config_entry(registry, FLEET)
    }


def _expected(hass: HomeAssistant, path: str | None) -> dict[str, str | None]:
    """Return the links to a dashboard, as `_links` does."""
    if path is None:
        return {"All Vesper devices": None, "Vesper bell": None}
    return {
        "All Vesper devices": f"homeassistant://{path}",
        "Vesper bell": f"homeassistant://{path}/device?id={registered_id(hass, BELL)}",
    }


async def test_dashboard_comes_and_goes(
    hass: HomeAssistant, command: Command, vesper: Vesper
) -> None:
    """Links follow the dashboard that exists."""
    await vesper.heartbeat()
    assert _links(hass) == _expected(hass, None)

    bells = await _add(command, "all-bells")
    assert _links(hass) == _expected(hass, "all-bells")
    await _add(command, "more-bells")
    assert _links(hass) == _expected(hass, "all-bells"), "the first one counts"

    await command("dashboards/delete", dashboard_id=bells)
    assert _links(hass) == _expected(hass, "more-bells")
    # A user takes control of it.
    await command("config/save", url_path="more-bells", config={"views": []})
    assert _links(hass) == _expected(hass, None)


async def test_new_device(
    hass: HomeAssistant, command: Command, vesper: Vesper
) -> None:
    """A new device is linked at once."""
    await _add(command, "all-bells")
    await vesper.heartbeat()
    assert _links(hass) == _expected(hass, "all-bells")


@pytest.mark.parametrize("config", OTHERS)
async def test_other_dashboards(
    hass: HomeAssistant, command: Command, vesper: Vesper, config: Any
) -> None:
    """There is no link to other dashboards."""
    await vesper.heartbeat()
    await _add(command, "all-bells", config)
    await command("dashboards/create", url_path="not-saved", title="Not saved")
    assert _links(hass) == _expected(hass, None)


async def test_default_dashboard(
    hass: HomeAssistant, command: Command, vesper: Vesper
) -> None:
    """The dashboard without a path has a link, too."""
    await vesper.heartbeat()
    await command("config/save", config=VESPER)
    assert _links(hass) == _expected(hass, "lovelace")


@pytest.mark.parametrize(
    "yaml_dashboards", [{"no-file": "missing.yaml", "all-bells": "bells.yaml"}]
)
async def test_yaml(
    hass: HomeAssistant, tmp_path: Path, command: Command, vesper: Vesper
) -> None:
    """A change in YAML counts when it is read."""
    await vesper.heartbeat()
    assert _links(hass) == _expected(hass, None)
    file = tmp_path / "bells.yaml"
    file.write_text("strategy:\n  type: custom:vesper\n")
    await _add(command, "another-one", {"views": []})
    assert _links(hass) == _expected(hass, "all-bells")

    # With a time in the future, Home Assistant reports a change at each reading.
    file.write_text("views: []\n")
    os.utime(file, (2**32, 2**32))
    changes = async_capture_events(hass, EVENT_LOVELACE_UPDATED)
    await command("config", url_path="all-bells")
    assert _links(hass) == _expected(hass, None)
    assert len(changes) == 2, "by the user, and by the update"

    # With its file removed, others are still found.
    file.unlink()
    await _add(command, "more-bells")
    assert _links(hass) == _expected(hass, "more-bells")


async def test_existing_dashboard(
    hass: HomeAssistant, command: Command, vesper: Vesper
) -> None:
    """An existing dashboard is found at the start."""
    await vesper.heartbeat()
    assert await hass.config_entries.async_unload(vesper.entry.entry_id)
    await _add(command, "all-bells")
    assert _links(hass) == _expected(hass, None)
    assert await hass.config_entries.async_setup(vesper.entry.entry_id)
    await hass.async_block_till_done()
    assert _links(hass) == _expected(hass, "all-bells")


async def test_unchanged(hass: HomeAssistant, command: Command, vesper: Vesper) -> None:
    """Links that are right are not written again."""
    await vesper.heartbeat()
    await _add(command, "all-bells")
    writes = async_capture_events(hass, dr.EVENT_DEVICE_REGISTRY_UPDATED)
    await _add(command, "more-bells")
    await vesper.reload()
    assert writes == []


@pytest.mark.usefixtures("in_chunks")
async def test_device_removed_meanwhile(
    hass: HomeAssistant, command: Command, vesper: Vesper
) -> None:
    """A device may be removed during an update."""
    others = {}
    for device_id, other in ((BELL, "hall"), ("hall", BELL)):
        await vesper.heartbeat(device_id)
        others[registered_id(hass, device_id)] = other

    @callback
    def _async_linked(event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        """Remove the device that is not linked yet."""
        if other := others.get(event.data["device_id"]):
            others.clear()
            dr.async_get(hass).async_remove_device(registered_id(hass, other))

    hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, _async_linked)
    await _add(command, "all-bells")
    links = _links(hass)
    assert len(links) == 2
    assert None not in links.values()


@pytest.mark.usefixtures("in_chunks")
async def test_saved_twice(
    hass: HomeAssistant, command: Command, vesper: Vesper
) -> None:
    """A change during an update is not lost."""
    await vesper.heartbeat()
    await _add(command, "all-bells", {"views": []})
    dashboard = hass.data[LOVELACE_DATA].dashboards["all-bells"]
    configs: list[Any] = [VESPER, {"views": []}, VESPER]
    for config in configs:
        await dashboard.async_save(config)
    await hass.async_block_till_done()
    assert _links(hass) == _expected(hass, "all-bells")


@pytest.mark.usefixtures("in_chunks")
async def test_unloaded(hass: HomeAssistant, command: Command, vesper: Vesper) -> None:
    """An unloaded entry leaves its links as they are."""
    await vesper.heartbeat()
    await _add(command, "all-bells")
    # The update that this starts is cancelled.
    hass.bus.async_fire_internal(EVENT_LOVELACE_UPDATED, {"url_path": "all-bells"})
    await hass.config_entries.async_unload(vesper.entry.entry_id)
    await command("config/save", url_path="all-bells", config={"views": []})
    assert _links(hass) == _expected(hass, "all-bells")
