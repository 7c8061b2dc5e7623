"""The editor of a card or a badge."""

from collections.abc import Callable
from dataclasses import dataclass
import json
from typing import Any, Final

from playwright.sync_api import Locator, Page, expect

from tests.rig.home_assistant import HomeAssistant

from .cards import CARDS, LOADED, ROOT

TEXTS: Final = {
    language: json.loads(
        (ROOT / f"custom_components/vesper/translations/{language}.json").read_bytes()
    )["common"]
    for language in ("en", "de")
}

#: Finds a field by its label.
FIND: Final = "(fields, label) => fields.findIndex((field) => field.label === label)"

#: Returns name, label and help of the fields of a form, and the labels of choices.
FIELDS: Final = """forms => forms.flatMap(({ schema, computeLabel, computeHelper }) => {
    const read = (field) => field.schema
        ? [[field.name, computeLabel(field), null, []], ...field.schema.flatMap(read)]
        : [[field.name, computeLabel(field), computeHelper(field),
            (field.selector.select?.options ?? []).map(({ label }) => label)]];
    return schema.flatMap(read);
})"""


#: Expects an effect on a card.
type Check = Callable[[Locator], None]


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option, and how a user sets it."""

    name: str
    choose: str = ""
    """What is written or chosen; a switch is turned on."""
    value: Any = True
    """The stored value."""
    check: Check
    """Expects the effect on the card."""
    unset: Any = None
    """What is stored when it is unset; None for nothing."""


class Editor:
    """The dialog that edits a card or a badge."""

    def __init__(
        self,
        home_assistant: HomeAssistant,
        page: Page,
        config: dict[str, Any],
        *,
        has_form: bool = True,
    ) -> None:
        """Save a dashboard with the card, and edit it."""
        self._command = home_assistant.api.command
        self._page = page
        self._is_badge = config["type"].endswith("badge")
        self.kind = "badge" if self._is_badge else "card"
        self.tag = config["type"].removeprefix("custom:")
        cards = {"type": "grid", "column_span": 4}
        cards["cards"] = [] if self._is_badge else [config]
        view = {"type": "sections", "max_columns": 4, "sections": [cards]}
        view["badges"] = [config] if self._is_badge else []
        self._command("lovelace/config/save", url_path=CARDS, config={"views": [view]})
        page.goto(f"{home_assistant.url}/{CARDS}/0?edit=1")
        self.dialog = page.locator(f"hui-dialog-edit-{self.kind}")
        self.open(has_form=has_form)

    def open(self, *, has_form: bool = True) -> None:
        """Open the dialog, with all fields."""
        edit = self._page.locator(f"hui-{self.kind}-edit-mode").get_by_role("button")
        edit.first.press("Enter", timeout=LOADED)
        if not has_form:
            return
        expect(self.dialog.locator("ha-form ha-selector").first).to_be_visible()
        for panel in self.dialog.locator("ha-form-expandable").all():
            panel.get_by_role("button").first.click()

    @property
    def preview(self) -> Locator:
        """The card beside the fields."""
        return self.dialog.locator(".element-preview").locator(self.tag)

    @property
    def card(self) -> Locator:
        """The card on the dashboard."""
        return self._page.locator("hui-root").locator(self.tag)

    @property
    def stored(self) -> dict[str, Any]:
        """The configuration that is stored."""
        (view,) = self._command("lovelace/config", url_path=CARDS)["views"]
        (config,) = view["badges"] if self._is_badge else view["sections"][0]["cards"]
        return dict(config)

    @property
    def fields(self) -> list[Any]:
        """The fields, each as `FIELDS` has it."""
        return list(self.dialog.locator("hui-form-editor").evaluate_all(FIELDS))

    def field(self, name: str) -> Locator:
        """Return a field, which has its label and help."""
        fields = self.dialog.locator("ha-form ha-selector")
        label = TEXTS["en"][f"option_{name}"]
        expect(fields.first).to_be_visible()
        found = fields.nth(fields.evaluate_all(FIND, label))
        expect(found).to_contain_text(TEXTS["en"][f"option_{name}_help"])
        return found

    def set(self, option: Option) -> None:
        """Set an option."""
        found = self.field(option.name)
        match self._kind(found):
            case "text" | "number":
                found.locator("input").fill(option.choose)
            case "boolean":
                found.locator("ha-switch").click()
            case "select" if isinstance(option.value, list):
                found.get_by_text(option.choose, exact=True).click()
            case "select":
                found.locator("ha-picker-field").click()
                found.get_by_role("menuitem", name=option.choose, exact=True).click()
            case "label" | "device" | "area" | "floor" | "config_entry":
                found.locator("ha-picker-field, ha-button").first.click()
                found.get_by_text(option.choose, exact=True).last.click()

    def unset(self, option: Option) -> None:
        """Unset an option."""
        found = self.field(option.name)
        match self._kind(found):
            case "text" | "number":
                found.locator("input").fill("")
            case "boolean" | "select" if option.unset is not None:
                self.set(option)
            case _:
                found.get_by_role("button", name="Clear").first.click()

    def write(self, config: dict[str, Any]) -> None:
        """Write the configuration as code; JSON is YAML, too."""
        code = self.dialog.locator("ha-code-editor .cm-content")
        code.click()
        self._page.keyboard.press("ControlOrMeta+a")
        self._page.keyboard.insert_text(json.dumps(config))

    def save(self) -> None:
        """Save the dashboard."""
        self.dialog.get_by_role("button", name="Save", exact=True).click()
        expect(self.dialog.locator("ha-dialog-footer")).to_have_count(0)

    @staticmethod
    def _kind(found: Locator) -> str:
        (kind,) = found.evaluate("({ selector }) => Object.keys(selector)")
        return str(kind)
