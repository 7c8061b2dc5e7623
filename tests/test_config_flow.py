"""Test the flows: set-up, reconfigure and options, with errors."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_mqtt_message,
)

from custom_components.vesper.config_flow import BLUEPRINTS_URL
from custom_components.vesper.const import (
    CONF_CLOSE_AFTER,
    CONF_ENTITIES,
    CONF_HEARTBEAT_TIMEOUT,
    CONF_HTTP_KEY,
    CONF_MAX_DEVICES,
    CONF_PREFIX,
    DEFAULT_CLOSE_AFTER,
    DEFAULT_HEARTBEAT_TIMEOUT,
    DEFAULT_MAX_DEVICES,
    DOMAIN,
    MAX_CLOSE_AFTER,
    MAX_HEARTBEAT_TIMEOUT,
    MIN_HEARTBEAT_TIMEOUT,
)
from custom_components.vesper.hub.api_key import is_key
from custom_components.vesper.hub.entity_set import EntitySet
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntryDisabler,
    ConfigEntryState,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from tests.common import Vesper

BAD_PREFIXES = [
    pytest.param("", "prefix_empty", id="empty"),
    pytest.param("  ", "prefix_empty", id="blank"),
    pytest.param("/", "prefix_empty", id="slash alone"),
    pytest.param("site1/+", "prefix_wildcard", id="one-level wildcard"),
    pytest.param("vesper/#", "prefix_wildcard", id="wildcard"),
    pytest.param("/vesper", "prefix_slash", id="slash first"),
    pytest.param("site1//vesper", "prefix_slash", id="two slashes"),
    pytest.param("vesper//", "prefix_slash", id="two slashes last"),
    pytest.param("$SYS/vesper", "prefix_system", id="broker's own"),
    pytest.param("ves\tper", "prefix_characters", id="tab"),
    pytest.param("ves\0per", "prefix_characters", id="null"),
    pytest.param("v" * 256, "prefix_too_long", id="too long"),
]

GOOD_PREFIXES = [
    pytest.param("vesper", "vesper", id="default"),
    pytest.param("  vesper ", "vesper", id="blanks around"),
    pytest.param("vesper/", "vesper", id="slash last"),
    pytest.param(" site1/vesper/ ", "site1/vesper", id="levels"),
    pytest.param("Glockenstübli", "Glockenstübli", id="letters of the world"),
    pytest.param("v" * 255, "v" * 255, id="longest"),
]


@pytest.fixture
def setup_entry() -> Iterator[AsyncMock]:
    """Create entries without setting them up."""
    with patch(
        "custom_components.vesper.async_setup_entry", return_value=True
    ) as setup:
        yield setup


@pytest.fixture
def loaded(vesper: Vesper) -> MockConfigEntry:
    """Return a loaded entry with the prefix `vesper`."""
    return vesper.entry


async def _start(hass: HomeAssistant) -> dict[str, Any]:
    """Start the flow and return its first result."""
    return dict(
        await hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_USER}
        )
    )


async def _submit(hass: HomeAssistant, flow: dict[str, Any], prefix: str) -> Any:
    """Submit a prefix and return the flow's result."""
    return await hass.config_entries.flow.async_configure(
        flow["flow_id"], {CONF_PREFIX: prefix}
    )


async def _options(
    hass: HomeAssistant, entry: MockConfigEntry, choice: str
) -> dict[str, Any]:
    """Return the form of options chosen in the menu."""
    menu: Any = await hass.config_entries.options.async_init(entry.entry_id)
    assert menu["type"] is FlowResultType.MENU
    assert menu["menu_options"] == ["limits", "http"]
    return await _configure(hass, menu, next_step_id=choice)


async def _configure(
    hass: HomeAssistant, flow: dict[str, Any], **user_input: Any
) -> dict[str, Any]:
    """Submit a form of options and return the result."""
    result = await hass.config_entries.options.async_configure(
        flow["flow_id"], user_input
    )
    await hass.async_block_till_done()
    return dict(result)


def _suggested(result: dict[str, Any]) -> dict[str, Any]:
    """Return the suggested values of a form, by field."""
    return {
        str(key): key.description["suggested_value"]
        for key in result["data_schema"].schema
        if key.description
    }


async def _send_heartbeat(hass: HomeAssistant, topic: str) -> None:
    """Let a device send a heartbeat."""
    async_fire_mqtt_message(hass, topic, '{"uptime": 5}')
    await hass.async_block_till_done()


@pytest.mark.usefixtures("mqtt_mock")
@pytest.mark.parametrize(("typed", "prefix"), GOOD_PREFIXES)
async def test_user(
    hass: HomeAssistant, setup_entry: AsyncMock, typed: str, prefix: str
) -> None:
    """A prefix makes one entry."""
    form = await _start(hass)
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "user"
    assert form["errors"] == {}
    assert _suggested(form) == {CONF_PREFIX: "vesper"}
    example = form["description_placeholders"]["example"]
    assert example == "vesper/bell-1/status/heartbeat"

    result: Any = await _submit(hass, form, typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == ("Vesper" if prefix == "vesper" else prefix)
    assert result["result"].unique_id == prefix
    assert result["data"] == {CONF_PREFIX: prefix}
    assert result["options"] == {}
    assert result["description_placeholders"] == {
        "blueprints": BLUEPRINTS_URL,
        "dashboards": "/config/lovelace/dashboards",
    }
    await hass.async_block_till_done()
    assert len(setup_entry.mock_calls) == 1


@pytest.mark.usefixtures("mqtt_mock", "setup_entry")
@pytest.mark.parametrize(("typed", "error"), BAD_PREFIXES)
async def test_user_recovers(hass: HomeAssistant, typed: str, error: str) -> None:
    """An invalid prefix is named and can be corrected."""
    form = await _start(hass)
    result = await _submit(hass, form, typed)
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "user"
    assert result["errors"] == {CONF_PREFIX: error}
    assert _suggested(result) == {CONF_PREFIX: typed}

    result = await _submit(hass, result, "vesper")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == {CONF_PREFIX: "vesper"}


async def test_user_without_mqtt(hass: HomeAssistant) -> None:
    """Without MQTT the flow aborts with instructions."""
    result = await _start(hass)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "mqtt_not_set_up"


async def test_user_mqtt_disabled(hass: HomeAssistant) -> None:
    """A disabled MQTT entry counts as none."""
    MockConfigEntry(domain="mqtt", disabled_by=ConfigEntryDisabler.USER).add_to_hass(
        hass
    )
    result = await _start(hass)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "mqtt_not_set_up"


@pytest.mark.parametrize(
    "state", [ConfigEntryState.SETUP_ERROR, ConfigEntryState.SETUP_RETRY]
)
async def test_user_mqtt_not_loaded(
    hass: HomeAssistant, state: ConfigEntryState
) -> None:
    """The flow aborts if MQTT is not loaded."""
    MockConfigEntry(domain="mqtt", state=state).add_to_hass(hass)
    # The component is there, so that the flow does not set it up with its entry.
    hass.config.components.add("mqtt")
    with patch("homeassistant.components.mqtt.util.AVAILABILITY_TIMEOUT", 0):
        result = await _start(hass)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "mqtt_unavailable"


@pytest.mark.usefixtures("setup_entry")
async def test_user_not_connected(hass: HomeAssistant, mqtt_mock: Any) -> None:
    """The flow needs a connection to the broker."""
    mqtt_mock.connected = False
    result = await _start(hass)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "mqtt_not_connected"

    mqtt_mock.connected = True
    result = await _submit(hass, await _start(hass), "vesper")
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.usefixtures("setup_entry")
async def test_user_disconnected_meanwhile(hass: HomeAssistant, mqtt_mock: Any) -> None:
    """The connection is checked again with the submitted form."""
    form = await _start(hass)
    mqtt_mock.connected = False
    result = await _submit(hass, form, "vesper")
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "mqtt_not_connected"
    assert not hass.config_entries.async_entries(DOMAIN)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("vesper", "prefix_in_use"),
        ("vesper/", "prefix_in_use"),
        ("vesper/north", "prefix_overlaps"),
        ("vesper/a/b", "prefix_overlaps"),
    ],
)
async def test_overlapping_prefixes(
    hass: HomeAssistant, typed: str, error: str
) -> None:
    """A prefix of or within another entry is refused."""
    form = await _start(hass)
    assert _suggested(form) == {}, "the default prefix is in use"
    result = await _submit(hass, form, typed)
    assert result["errors"] == {CONF_PREFIX: error}
    placeholders = result["description_placeholders"]
    assert (placeholders["other"], placeholders["title"]) == ("vesper", "Vesper")
    assert _suggested(result) == {CONF_PREFIX: typed}

    result = await _submit(hass, result, "vesper2")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert len(hass.config_entries.async_entries(DOMAIN)) == 2


@pytest.mark.usefixtures("mqtt_mock")
async def test_reconfigure_overlaps(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """The prefix of another entry is refused here, too."""
    other = await _submit(hass, await _start(hass), "north/vesper")
    assert other["type"] is FlowResultType.CREATE_ENTRY
    entry = other["result"]
    form: Any = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )
    for typed, error in (
        ("vesper", "prefix_in_use"),
        ("vesper/north", "prefix_overlaps"),
    ):
        form = await _submit(hass, form, typed)
        assert form["errors"] == {CONF_PREFIX: error}
        assert form["description_placeholders"]["title"] == loaded.title
    result = await _submit(hass, form, "north")
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert (entry.unique_id, entry.title) == ("north", "north")
    assert entry.data == {CONF_PREFIX: "north"}
    assert loaded.data == {CONF_PREFIX: "vesper"}


async def test_reconfigure_keeps_title(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """A title that the user has set stays."""
    hass.config_entries.async_update_entry(loaded, title="Bells")
    form: Any = await loaded.start_reconfigure_flow(hass)
    await _submit(hass, form, "north")
    await hass.async_block_till_done()
    assert (loaded.unique_id, loaded.title) == ("north", "Bells")


async def test_reconfigure_same_prefix(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """The same prefix is accepted, and the devices stay."""
    await _send_heartbeat(hass, "vesper/bell-1/status/heartbeat")
    form: Any = await loaded.start_reconfigure_flow(hass)
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "reconfigure"
    assert form["errors"] == {}
    assert _suggested(form) == {CONF_PREFIX: "vesper"}

    result = await _submit(hass, form, "vesper")
    await hass.async_block_till_done()
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    assert loaded.data == {CONF_PREFIX: "vesper"}
    assert loaded.state is ConfigEntryState.LOADED
    assert list(loaded.runtime_data.devices) == ["bell-1"]


@pytest.mark.parametrize(("typed", "prefix"), GOOD_PREFIXES[1:])
async def test_reconfigure_other_prefix(
    hass: HomeAssistant, loaded: MockConfigEntry, typed: str, prefix: str
) -> None:
    """The subscriptions use the new prefix; options stay."""
    hass.config_entries.async_update_entry(loaded, options={CONF_MAX_DEVICES: 7})
    form: Any = await loaded.start_reconfigure_flow(hass)
    result = await _submit(hass, form, typed)
    await hass.async_block_till_done()
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    assert loaded.data == {CONF_PREFIX: prefix}
    assert loaded.options == {CONF_MAX_DEVICES: 7}

    await _send_heartbeat(hass, f"{prefix}/new/status/heartbeat")
    await _send_heartbeat(hass, "elsewhere/old/status/heartbeat")
    assert list(loaded.runtime_data.devices) == ["new"]


async def test_reconfigure_leaves_the_old_prefix(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """Devices of the old prefix stay, without new messages."""
    await _send_heartbeat(hass, "vesper/old/status/heartbeat")
    form: Any = await loaded.start_reconfigure_flow(hass)
    await _submit(hass, form, "site1/vesper")
    await hass.async_block_till_done()

    await _send_heartbeat(hass, "vesper/old/status/heartbeat")
    await _send_heartbeat(hass, "vesper/newcomer/status/heartbeat")
    devices = loaded.runtime_data.devices
    assert list(devices) == ["old"]
    assert devices["old"].online is None
    await _send_heartbeat(hass, "site1/vesper/old/status/heartbeat")
    assert devices["old"].online is True


@pytest.mark.parametrize(("typed", "error"), BAD_PREFIXES)
async def test_reconfigure_recovers(
    hass: HomeAssistant, loaded: MockConfigEntry, typed: str, error: str
) -> None:
    """An invalid prefix changes nothing and can be corrected."""
    form: Any = await loaded.start_reconfigure_flow(hass)
    result = await _submit(hass, form, typed)
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "reconfigure"
    assert result["errors"] == {CONF_PREFIX: error}
    assert _suggested(result) == {CONF_PREFIX: typed}
    assert loaded.data == {CONF_PREFIX: "vesper"}

    result = await _submit(hass, result, "site1/vesper")
    await hass.async_block_till_done()
    assert result["type"] is FlowResultType.ABORT
    assert loaded.data == {CONF_PREFIX: "site1/vesper"}


async def test_options(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Options have defaults, reload the entry and are used."""
    hub = loaded.runtime_data
    form = await _options(hass, loaded, "limits")
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "limits"
    assert form["data_schema"]({}) == {
        CONF_CLOSE_AFTER: DEFAULT_CLOSE_AFTER,
        CONF_ENTITIES: EntitySet.ALL,
        CONF_HEARTBEAT_TIMEOUT: DEFAULT_HEARTBEAT_TIMEOUT,
        CONF_MAX_DEVICES: DEFAULT_MAX_DEVICES,
    }

    # The frontend sends numbers as floats.
    result = await hass.config_entries.options.async_configure(
        form["flow_id"],
        {CONF_CLOSE_AFTER: 5.0, CONF_HEARTBEAT_TIMEOUT: 45.0, CONF_MAX_DEVICES: 2.0},
    )
    await hass.async_block_till_done()
    assert result["type"] is FlowResultType.CREATE_ENTRY
    numbers = {CONF_CLOSE_AFTER: 5, CONF_HEARTBEAT_TIMEOUT: 45, CONF_MAX_DEVICES: 2}
    options = {CONF_ENTITIES: EntitySet.ALL, **numbers}
    assert loaded.options == options
    assert all(type(loaded.options[name]) is int for name in numbers)
    assert loaded.state is ConfigEntryState.LOADED
    assert loaded.runtime_data is not hub

    for device_id in ("one", "two", "three"):
        await _send_heartbeat(hass, f"vesper/{device_id}/status/heartbeat")
    assert list(loaded.runtime_data.devices) == ["one", "two"]

    form = await _options(hass, loaded, "limits")
    assert _suggested(form) == options


async def test_options_unchanged(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Unchanged options do not reload the entry."""
    options = {
        CONF_CLOSE_AFTER: 0,
        CONF_ENTITIES: EntitySet.ALL,
        CONF_HEARTBEAT_TIMEOUT: 45,
        CONF_MAX_DEVICES: 2,
    }
    hass.config_entries.async_update_entry(loaded, options=options)
    hub = loaded.runtime_data
    form = await _options(hass, loaded, "limits")
    await hass.config_entries.options.async_configure(form["flow_id"], options)
    await hass.async_block_till_done()
    assert loaded.runtime_data is hub


@pytest.mark.parametrize(
    "option",
    [
        pytest.param({CONF_HEARTBEAT_TIMEOUT: MIN_HEARTBEAT_TIMEOUT - 1}, id="hasty"),
        pytest.param({CONF_HEARTBEAT_TIMEOUT: MAX_HEARTBEAT_TIMEOUT + 1}, id="patient"),
        pytest.param({CONF_HEARTBEAT_TIMEOUT: "soon"}, id="no number"),
        pytest.param({CONF_CLOSE_AFTER: -1}, id="before"),
        pytest.param({CONF_CLOSE_AFTER: MAX_CLOSE_AFTER + 1}, id="too late"),
        pytest.param({CONF_MAX_DEVICES: 0}, id="none"),
        pytest.param(
            {CONF_MAX_DEVICES: EntitySet.ESSENTIAL.max_devices + 1}, id="too many"
        ),
        pytest.param({"unknown_option": 1}, id="unknown"),
    ],
)
async def test_options_out_of_bounds(
    hass: HomeAssistant, loaded: MockConfigEntry, option: dict[str, Any]
) -> None:
    """Values out of bounds are rejected by the form."""
    form = await _options(hass, loaded, "limits")
    with pytest.raises(InvalidData):
        await hass.config_entries.options.async_configure(form["flow_id"], option)
    assert loaded.options == {}

    result = await hass.config_entries.options.async_configure(form["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(
            {
                CONF_CLOSE_AFTER: 0,
                CONF_ENTITIES: EntitySet.ALL,
                CONF_HEARTBEAT_TIMEOUT: MIN_HEARTBEAT_TIMEOUT,
                CONF_MAX_DEVICES: 1,
            },
            id="least",
        ),
        pytest.param(
            {
                CONF_CLOSE_AFTER: MAX_CLOSE_AFTER,
                CONF_ENTITIES: EntitySet.ESSENTIAL,
                CONF_HEARTBEAT_TIMEOUT: MAX_HEARTBEAT_TIMEOUT,
                CONF_MAX_DEVICES: EntitySet.ESSENTIAL.max_devices,
            },
            id="most",
        ),
    ],
)
async def test_options_at_the_bounds(
    hass: HomeAssistant, loaded: MockConfigEntry, options: dict[str, int]
) -> None:
    """The bounds themselves are accepted."""
    form = await _options(hass, loaded, "limits")
    await hass.config_entries.options.async_configure(form["flow_id"], options)
    await hass.async_block_till_done()
    assert loaded.options == options


async def test_first_key(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A new key is shown once and never stored."""
    hass.config_entries.async_update_entry(loaded, options={CONF_MAX_DEVICES: 7})
    hub = loaded.runtime_data
    form = await _options(hass, loaded, "http")
    assert _suggested(form) == {"enabled": False}
    shown = await _configure(hass, form, enabled=True)
    assert shown["step_id"] == "key"
    assert loaded.options == {CONF_MAX_DEVICES: 7}, "it was not shown yet"
    key = _suggested(shown)["key"]
    (field,) = shown["data_schema"].schema.values()
    assert "read_only" not in field.config, "its text could not be selected"
    assert shown["description_placeholders"] == {
        "header": "X-Vesper-Key",
        "path": "/api/vesper/heartbeat",
    }

    # Whoever edits the field gets the same key again.
    again = await _configure(hass, shown, key="another")
    assert (again["step_id"], again["errors"]) == ("key", {"key": "key_changed"})
    assert _suggested(again) == {"key": key}
    result = await _configure(hass, shown, key=key)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert loaded.options[CONF_MAX_DEVICES] == 7
    assert is_key(key, loaded.options[CONF_HTTP_KEY])
    assert not is_key("another", loaded.options[CONF_HTTP_KEY])
    assert key not in str(loaded.as_dict())
    assert loaded.runtime_data is hub, "a new key does not reload the entry"

    form = await _options(hass, loaded, "http")
    assert _suggested(form) == {"enabled": True}


async def _renew_key(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Return the form that shows another key."""
    form = await _options(hass, entry, "http")
    asked = await _configure(hass, form, enabled=True)
    assert asked["step_id"] == "renew_key"
    return await _configure(hass, asked, new_key=True)


async def test_key_is_renewed(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """A new key replaces the old one once shown."""
    hass.config_entries.async_update_entry(loaded, options={CONF_HTTP_KEY: "digest"})
    shown = await _renew_key(hass, loaded)
    hass.config_entries.options.async_abort(shown["flow_id"])
    assert loaded.options == {CONF_HTTP_KEY: "digest"}

    another = await _renew_key(hass, loaded)
    key = _suggested(another)["key"]
    assert key != _suggested(shown)["key"]
    await _configure(hass, another)
    assert is_key(key, loaded.options[CONF_HTTP_KEY])


async def test_key_stays(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Other options do not change the key, nor reload."""
    limits = {
        CONF_CLOSE_AFTER: 5,
        CONF_ENTITIES: EntitySet.ALL,
        CONF_HEARTBEAT_TIMEOUT: 45,
        CONF_MAX_DEVICES: 2,
    }
    options = limits | {CONF_HTTP_KEY: "digest"}
    hass.config_entries.async_update_entry(loaded, options=options)
    hub = loaded.runtime_data
    form = await _options(hass, loaded, "http")
    asked = await _configure(hass, form, enabled=True)
    result = await _configure(hass, asked)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    form = await _options(hass, loaded, "limits")
    await _configure(hass, form, **limits)
    assert loaded.options == options
    assert loaded.runtime_data is hub


async def test_key_is_forgotten(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """Disabling posts removes the key, and no other option."""
    options = {CONF_HTTP_KEY: "digest", CONF_MAX_DEVICES: 2}
    hass.config_entries.async_update_entry(loaded, options=options)
    form = await _options(hass, loaded, "http")
    result = await _configure(hass, form, enabled=False)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert loaded.options == {CONF_MAX_DEVICES: 2}
