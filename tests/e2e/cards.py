"""Devices and their cards in a browser."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import Locator, Page, expect

from tests.rig import browser as rig_browser
from tests.rig.home_assistant import HomeAssistant

if TYPE_CHECKING:
    from .conftest import Publish

RIG: Final = Path(rig_browser.__file__).parent
ROOT: Final = RIG.parents[1]
FRONTEND: Final = ROOT / "custom_components/vesper/frontend"

#: In milliseconds, how long a page of Home Assistant may take to be there.
LOADED: Final = 30_000
#: And how long a change of a device, once it is published.
SHOWN: Final = 1_000

#: In seconds, the shortest timeout.
TIMEOUT: Final = 30
CARDS: Final = "card-test"

#: Opens a page by the name of its screenshot after an error.
type OpenPage = Callable[[str], AbstractContextManager[Page]]
#: Opens a page with a number of devices.
type OpenFleet = Callable[[int], AbstractContextManager[Page]]


class Bell:
    """A device with its entities and its cards."""

    def __init__(
        self, home_assistant: HomeAssistant, publish: Publish, device_id: str
    ) -> None:
        """Publish the first heartbeat of the device."""
        self._home_assistant = home_assistant
        self._api = home_assistant.api
        self._url = home_assistant.url
        self._publish = publish
        self.device_id = device_id
        self.send("heartbeat", uptime=3600, heap_free=170_000, reset_reason=1)
        home_assistant.wait_for_states({f"{device_id}/connectivity": "on"})
        self.id = home_assistant.device_ids()[device_id]

    def send(self, topic: str, **fields: Any) -> None:
        """Publish a message of the device."""
        self._publish(f"vesper/{self.device_id}/status/{topic}", json.dumps(fields))

    def rename(self, name: str | None) -> None:
        """Rename the device."""
        self._api.command(
            "config/device_registry/update", device_id=self.id, name_by_user=name
        )

    def enable_only(self, *keys: str) -> None:
        """Disable all entities of the device except these."""
        kept = {f"{self.device_id}/{key}" for key in keys}
        for key, entity_id in self._home_assistant.entity_ids().items():
            if key.startswith(f"{self.device_id}/") and key not in kept:
                self._api.command(
                    "config/entity_registry/update",
                    entity_id=entity_id,
                    disabled_by="user",
                )

    def open_card_picker(self, page: Page) -> None:
        """Open the card picker of this device's dashboard."""
        self.fleet_card(page)
        page.goto(f"{self._url}/{CARDS}/0?edit=1")
        shown = page.locator("vesper-fleet-card span.name")
        expect(shown).to_be_visible(timeout=LOADED)
        page.get_by_label("Add card").last.click()

    def save_cards(
        self, *configs: dict[str, Any], badges: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Save a dashboard with cards and badges."""
        section = {"type": "grid", "cards": configs}
        view = {"type": "sections", "badges": badges, "sections": [section]}
        self._api.command(
            "lovelace/config/save", url_path=CARDS, config={"views": [view]}
        )

    def open_cards(self, page: Page) -> None:
        """Open the dashboard that was saved."""
        page.goto(f"{self._url}/{CARDS}/0")

    def cards(self, page: Page, *configs: dict[str, Any]) -> list[Locator]:
        """Open a dashboard with cards, and return them.

        Each card names the device.
        """
        self.save_cards(*configs)
        self.open_cards(page)
        cards = [page.locator(config["type"].split(":")[1]) for config in configs]
        for card in cards:
            text = card.get_by_text(self.device_id).first
            expect(text).to_be_visible(timeout=LOADED)
        return cards

    def fleet_card(self, page: Page, **config: Any) -> Locator:
        """Open a dashboard with this device's fleet card."""
        return self.cards(page, self.fleet_config() | config)[0]

    def fleet_config(self) -> dict[str, Any]:
        """Return a fleet card configuration with this device."""
        return {"type": "custom:vesper-fleet-card", "devices": [self.id]}

    def device_config(self) -> dict[str, Any]:
        """Return a device card configuration with this device."""
        return {"type": "custom:vesper-device-card", "device": self.id}


def problems(card: Locator) -> list[str]:
    """Return the problems with the texts of a card."""
    found: list[str] = card.evaluate((RIG / "page_checks.js").read_text())
    return found
