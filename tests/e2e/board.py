"""Cards on an otherwise empty page."""

from typing import Any, Final

from playwright.sync_api import Locator, Page

ALERT: Final = {"subsystem": "Player", "state": "WARNING", "message": "no sound"}


class Board:
    """The fleet card, with states set by a test."""

    def __init__(self, page: Page, **config: Any) -> None:
        """Show the card."""
        self.page = page
        self.shown = self.show(**config)
        self.card = page.locator("vesper-fleet-card")

    def show(self, *, element: str = "vesper-fleet-card", **config: Any) -> float:
        """Show one more card; returns the milliseconds."""
        show = "([element, config]) => bells.show(element, config)"
        return float(self.page.evaluate(show, [element, config]))

    def change(self, number: int | str, key: str, state: str, **attributes: Any) -> Any:
        """Change a state.

        Returns how long that took, in milliseconds, and how many rows moved.
        """
        change = [number, key, state, attributes]
        return self.page.evaluate("change => bells.change(...change)", change)

    def alert(self, number: int, *alerts: dict[str, Any]) -> None:
        """Set the alerts of a device, worst first."""
        health = alerts[0]["state"].lower() if alerts else "ok"
        self.change(number, "health", health)
        self.change(number, "active_alerts", str(len(alerts)), alerts=alerts)

    @property
    def order(self) -> str:
        """The numbers of the devices, as listed."""
        return " ".join(self.page.evaluate("bells.order()"))

    def row(self, number: int) -> Locator:
        """Return the row of a device."""
        name = self.page.get_by_text(f"Bell {number}", exact=True)
        return self.card.locator(".devices > li").filter(has=name)

    def button(self, name: str) -> Locator:
        """Return a button."""
        return self.card.get_by_role("button", name=name, exact=True)

    def open_actions(self, number: int) -> Locator:
        """Open the actions of a device."""
        self.button(f"actions_of Bell {number}").click()
        return self.row(number).get_by_role("group")

    @property
    def called(self) -> list[list[Any]]:
        """The actions that were performed, with data and target."""
        called: list[list[Any]] = self.page.evaluate(
            "bells.called.map(call => call.slice(0, 4))"
        )
        return called
