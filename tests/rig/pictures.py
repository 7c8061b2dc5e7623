"""Take the pictures of the documentation.

From the command line: `python -m tests.rig.pictures`.
"""

from collections.abc import Iterable
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import Page, expect

from .broker import Broker
from .browser import Browser
from .develop import begin
from .firmware import Severity
from .fleet import Fleet
from .home_assistant import DASHBOARD, HomeAssistant
from .process import free_port

_IMAGES: Final = Path(__file__).parents[2] / ".github/images"

_AREAS: Final = (
    *("Chapel", "Gymnasium", "Library"),
    *("Main hall", "North wing", "South wing"),
)
_DEVICES: Final = {
    f"{area} {number}".lower().replace(" ", "-"): (f"{area} {number}", area)
    for area in _AREAS
    for number in range(1, 8)
}
"""Name and area of each device."""

_ALERTS: Final[tuple[tuple[str, str, Severity, str], ...]] = (
    ("chapel-5", "FileManager", "CRITICAL", "SD card could not be mounted"),
    ("library-3", "Player", "FAILED", "No amplifier found"),
    ("north-wing-2", "Network", "WARNING", "Signal is weak: -81 dBm"),
    ("north-wing-2", "FileManager", "CRITICAL", "SD card could not be mounted"),
    ("chapel-1", "NTP", "WARNING", "Time server does not answer"),
    ("gymnasium-1", "NTP", "WARNING", "Time server does not answer"),
    ("library-6", "NTP", "WARNING", "Time server does not answer"),
    ("main-hall-4", "NTP", "WARNING", "Time server does not answer"),
)
_ACKNOWLEDGED: Final = "chapel-5"
_IN_MAINTENANCE: Final = "main-hall-7"
_OFFLINE: Final = ("main-hall-2", "south-wing-6")
_LOST: Final = ("gymnasium", "library", "north-wing", "south-wing")

#: In seconds: longer than the heartbeat timeout.
_OFFLINE_SECONDS: Final = 150


def main() -> None:
    """Take all pictures."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    with (
        TemporaryDirectory() as name,
        Broker(Path(name) / "broker") as broker,
        HomeAssistant(
            Path(name) / "home-assistant", port=free_port(), broker=broker.address
        ) as home_assistant,
    ):
        home_assistant.wait_until_listening()
        address = broker.address
        with Fleet(address.host, address.port, devices=list(_DEVICES)) as fleet:
            begin(home_assistant, [fleet], with_history=True)
            _set_up(home_assistant)
            _raise_alerts(fleet)
            _disconnect(home_assistant, fleet, _OFFLINE)
            _respond(home_assistant)
            with Browser(home_assistant, Path(name)) as browser:
                _take(browser, home_assistant, fleet)


def _set_up(home_assistant: HomeAssistant) -> None:
    """Name the user and the devices, and make areas."""
    command = home_assistant.api.command
    user = command("auth/current_user")
    command("config/auth/update", user_id=user["id"], name="Anna")
    areas = {
        name: command("config/area_registry/create", name=name)["area_id"]
        for name in _AREAS
    }
    registered = home_assistant.device_ids()
    for device_id, (name, area) in _DEVICES.items():
        command(
            "config/device_registry/update",
            device_id=registered[device_id],
            name_by_user=name,
            area_id=areas[area],
        )


def _raise_alerts(fleet: Fleet) -> None:
    """Raise the alerts."""
    for device_id, subsystem, state, message in _ALERTS:
        with fleet.device(device_id) as device:
            device.raise_alert(subsystem, state, message)


def _disconnect(
    home_assistant: HomeAssistant, fleet: Fleet, device_ids: Iterable[str]
) -> None:
    """Disconnect devices, and wait until they are offline."""
    device_ids = tuple(device_ids)
    for device_id in device_ids:
        with fleet.device(device_id) as device:
            device.disconnect_wifi()
    home_assistant.wait_for_states(
        {f"{device_id}/connectivity": "off" for device_id in device_ids},
        timeout=_OFFLINE_SECONDS,
    )


def _respond(home_assistant: HomeAssistant) -> None:
    """Acknowledge an alert, and start maintenance."""
    registered = home_assistant.device_ids()
    post = home_assistant.api.post
    post(
        "/api/services/vesper/acknowledge_alert",
        {"device_id": registered[_ACKNOWLEDGED], "note": "New SD card is ordered"},
    )
    post(
        "/api/services/vesper/set_maintenance",
        {"device_id": registered[_IN_MAINTENANCE], "duration": {"hours": 1}},
    )


def _take(browser: Browser, home_assistant: HomeAssistant, fleet: Fleet) -> None:
    """Take the pictures."""
    with browser.page("fleet") as page:
        page.set_viewport_size({"width": 1280, "height": 1000})
        _open(page, home_assistant)
        _save(page, "fleet")
    with browser.page("actions", device="phone") as page:
        _open(page, home_assistant)
        page.get_by_role("button", name="Actions for North wing 2").click()
        page.get_by_role(
            "button", name="Maintenance until…"
        ).scroll_into_view_if_needed()
        _save(page, "actions")
        page.get_by_role("link", name="North wing 2").click()
        expect(page.get_by_text("Outages and restarts in 30 days")).to_be_visible()
        _save(page, "device")
    lost = [one for one in _DEVICES if one.startswith(_LOST) and one not in _OFFLINE]
    _disconnect(home_assistant, fleet, lost)
    with browser.page("outage") as page:
        _open(page, home_assistant)
        expect(page.get_by_text("Outage since")).to_be_visible()
        _save(page, "outage")


def _open(page: Page, home_assistant: HomeAssistant) -> None:
    """Open the dashboard, and wait until it is complete."""
    page.goto(f"{home_assistant.url}/{DASHBOARD}")
    expect(page.get_by_role("img", name="of the time").first).to_be_visible()


def _save(page: Page, name: str) -> None:
    """Save a picture."""
    page.screenshot(path=_IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
