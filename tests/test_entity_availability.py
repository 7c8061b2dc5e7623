"""Entity states while the device or broker is away."""

from collections.abc import Awaitable, Callable

import pytest

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN

from .common import FLEET, Vesper

pytestmark = pytest.mark.usefixtures("entity_registry_enabled_by_default")


async def time_out(vesper: Vesper) -> None:
    """Let the bell time out."""
    await vesper.advance(91)


async def time_out_and_disconnect_broker(vesper: Vesper) -> None:
    """Let the bell time out, then disconnect the broker."""
    await vesper.advance(91)
    await vesper.disconnect_broker()


async def disconnect_broker_past_timeout(vesper: Vesper) -> None:
    """Disconnect the broker for longer than the timeout."""
    await vesper.disconnect_broker()
    await vesper.advance(86_400)


async def reconnect_all(vesper: Vesper) -> None:
    """Lose broker and bell, and bring both back."""
    await time_out_and_disconnect_broker(vesper)
    await vesper.reconnect_broker()
    await vesper.heartbeat(uptime=3700)


SITUATIONS = {
    "device offline": time_out,
    "broker disconnected": Vesper.disconnect_broker,
    "broker disconnected for a day": disconnect_broker_past_timeout,
    "both": time_out_and_disconnect_broker,
    "all back": reconnect_all,
}

#: What an entity shows in each situation of the table above, in that order.
NOT_THERE = (STATE_UNAVAILABLE,) * 4
EXPECTED = {
    "connectivity": ("off", *NOT_THERE[1:], "on"),
    "melody": (*NOT_THERE, STATE_UNKNOWN),
    "playing": (*NOT_THERE, STATE_UNKNOWN),
    "run_health_check": (*NOT_THERE, STATE_UNKNOWN),
    "heap_free": (*NOT_THERE, "166.015625"),
    "heap_min_free": (*NOT_THERE, "147.0"),
    "wifi_signal": (*NOT_THERE, "-53"),
    "active_alerts": ("1",) * 5,
    "availability": (STATE_UNKNOWN,) * 5,
    "alert_FileManager": ("warning",) * 5,
    "health": ("warning",) * 5,
    "last_disconnect": ("silent_death",) * 5,
    "maintenance": ("off",) * 5,
    "problem": ("on",) * 5,
    "reset_reason": ("power_on",) * 5,
    "restarts": ("0",) * 5,
}
EXPECTED_OF_FLEET = {
    "devices": ("1",) * 5,
    "devices_online": ("0", *NOT_THERE[1:], "1"),
    "devices_with_alerts": ("1",) * 5,
    "devices_offline": ("1", *NOT_THERE[1:], "0"),
    "fleet_availability": (STATE_UNKNOWN,) * 5,
    "fleet_health": ("offline", "warning", "warning", "offline", "warning"),
    "fleet_problem": ("on",) * 5,
    "mqtt_link": ("on", "off", "off", "off", "on"),
    "outage": (STATE_UNKNOWN,) * 5,
    "problems": ("2", "1", "1", "2", "1"),
}
#: Events and timestamps keep their state.
KEPT = {"activity", "boot_time", "device_log", "last_seen"}


@pytest.mark.parametrize(
    ("number", "happens"), enumerate(SITUATIONS.values()), ids=SITUATIONS
)
async def test_matrix(
    vesper: Vesper, number: int, happens: Callable[[Vesper], Awaitable[None]]
) -> None:
    """Every entity has the state of the table."""
    await vesper.report_everything()
    kept = {key: vesper.value(key) for key in KEPT}
    assert STATE_UNKNOWN not in kept.values()

    await happens(vesper)
    # The list of problems is updated once a second.
    await vesper.advance(1)

    if happens is reconnect_all:
        kept["last_seen"] = vesper.state("last_seen").last_changed.isoformat(
            timespec="seconds"
        )
    expected = {key: states[number] for key, states in EXPECTED.items()}
    assert vesper.values() == expected | kept
    assert vesper.values(FLEET) == {
        key: states[number] for key, states in EXPECTED_OF_FLEET.items()
    }


async def test_all_is_there_at_first(vesper: Vesper) -> None:
    """Fleet entities exist before there are any devices."""
    assert vesper.values(FLEET) == {
        "devices": "0",
        "devices_offline": "0",
        "devices_online": "0",
        "devices_with_alerts": "0",
        "fleet_availability": STATE_UNKNOWN,
        "fleet_health": "ok",
        "fleet_problem": "off",
        "mqtt_link": "on",
        "outage": STATE_UNKNOWN,
        "problems": "0",
    }
    await vesper.report_everything()
    assert vesper.keys() == EXPECTED.keys() | KEPT
    assert STATE_UNAVAILABLE not in vesper.values().values()


async def test_a_short_disconnect(vesper: Vesper) -> None:
    """Connectivity is shown again; playback is unknown."""
    await vesper.report_everything()
    await vesper.disconnect_broker()
    await vesper.reconnect_broker()
    assert vesper.value("connectivity") == "on"
    assert vesper.value("playing") == STATE_UNKNOWN
    assert vesper.value("melody") == STATE_UNKNOWN
    assert vesper.state("alert_FileManager").attributes["confirmed"] is False

    await vesper.alert("FileManager", "WARNING", "SD mount failed")
    assert vesper.state("alert_FileManager").attributes["confirmed"] is True


async def test_offline_device_after_reconnect(vesper: Vesper) -> None:
    """A device that was offline before stays offline."""
    await vesper.report_everything()
    await time_out_and_disconnect_broker(vesper)
    await vesper.reconnect_broker()
    assert vesper.value("connectivity") == "off"
    assert vesper.value("devices_online", FLEET) == "0"


async def test_set_up_while_disconnected(vesper: Vesper) -> None:
    """The entry and its devices load without the broker."""
    await vesper.report_everything()
    await vesper.disconnect_broker()
    await vesper.reload()
    assert vesper.value("mqtt_link", FLEET) == "off"
    assert vesper.value("connectivity") == STATE_UNAVAILABLE
    await vesper.advance(1000)
    await vesper.reconnect_broker()
    assert vesper.value("connectivity") == STATE_UNKNOWN
    await vesper.advance(89)
    assert vesper.value("connectivity") == STATE_UNKNOWN
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"
