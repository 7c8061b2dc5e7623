"""Vesper's entities in Home Assistant's dialogs and histories."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, expect
import pytest

from tests.rig.browser import CHROMIUM, Browser, Device, Scheme
from tests.rig.home_assistant import DASHBOARD, HomeAssistant

from .axe import violations
from .conftest import Publish

PICTURES: Final = Path(__file__).parents[2] / ".cache/test/pictures"

#: In milliseconds, how long a page of Home Assistant may take to be there.
LOADED: Final = 30_000

SEVERITIES: Final = ("ok", "warning", "critical", "failed")

#: Returns the colors that an element shows for each entity.
COLORS: Final = """() => {
  const found = {};
  const walk = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.localName === "state-history-chart-timeline")
        for (const { id, data } of element._chartData)
          found[id] = data.at(-1).itemStyle.color;
      if (element.shadowRoot) walk(element.shadowRoot);
    }
  };
  walk(document);
  return found;
}"""


@pytest.fixture(scope="module")
def browser(home_assistant: HomeAssistant) -> Iterator[Browser]:
    """Return a browser."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium: install it with apt-get install chromium")
    with Browser(home_assistant, PICTURES) as browser:
        yield browser


def _send(publish: Publish, device_id: str, topic: str, **fields: Any) -> None:
    """Publish a message of a device."""
    publish(f"vesper/{device_id}/status/{topic}", json.dumps(fields))


def _open_dialog(page: Page, home_assistant: HomeAssistant, key: str) -> None:
    """Open the dialog of an entity."""
    entity_id = home_assistant.entity_ids()[key]
    page.goto(f"{home_assistant.url}/{DASHBOARD}/overview")
    card = page.locator("vesper-fleet-card")
    expect(card.get_by_role("toolbar")).to_be_visible(timeout=LOADED)
    card.evaluate(
        """(card, entityId) => card.dispatchEvent(new CustomEvent("hass-more-info",
            { bubbles: true, composed: true, detail: { entityId } }))""",
        entity_id,
    )
    expect(page.locator("ha-more-info-info")).to_be_visible(timeout=LOADED)


@pytest.mark.parametrize(
    ("device", "scheme"), [("desktop", "light"), ("phone", "dark")]
)
def test_alert(
    browser: Browser,
    home_assistant: HomeAssistant,
    publish: Publish,
    device: Device,
    scheme: Scheme,
) -> None:
    """The dialogs of alerts show the message, as text."""
    bell = f"dialog-{device}"
    message = "<b>SD</b> mount failed"
    _send(publish, bell, "heartbeat", uptime=3600)
    _send(publish, bell, "alerts", subsystem="Player", state="CRITICAL", msg=message)
    home_assistant.wait_for_states({f"{bell}/alert_Player": "critical"})
    entity_id = home_assistant.entity_ids()[f"{bell}/alert_Player"]
    with browser.page("alert", device=device, scheme=scheme) as page:
        for key in ("health", "active_alerts"):
            _open_dialog(page, home_assistant, f"{bell}/{key}")
            shown = page.locator("vesper-more-info")
            expect(shown).to_have_text(f"Player · Critical{message}")
        _open_dialog(page, home_assistant, f"{bell}/alert_Player")
        expect(shown.get_by_text(message)).to_be_visible()
        expect(shown).to_contain_text("Updated")
        expect(shown).not_to_contain_text("Acknowledged")
        history = page.locator("ha-more-info-history")
        expect(history).to_be_visible(timeout=LOADED)
        above, below = shown.bounding_box(), history.bounding_box()
        assert above
        assert below
        assert above["y"] + above["height"] <= below["y"]

        home_assistant.api.post(
            "/api/services/vesper/acknowledge_alert",
            {"entity_id": entity_id, "note": "on it"},
        )
        expect(shown).to_contain_text("AcknowledgedYesAcknowledged byRigNoteon it")
        assert violations(shown) == []
        _send(publish, bell, "alerts", subsystem="Player", state="CLEARED", msg="")
        expect(shown).to_be_empty()


def test_colors(
    browser: Browser, home_assistant: HomeAssistant, publish: Publish
) -> None:
    """Histories have colors of states, and only Vesper's."""
    expected = {
        "ok": "#4caf50",
        "warning": "#ffc107",
        "critical": "#ff6f22",
        "failed": "#f44336",
    }
    for severity in SEVERITIES:
        bell = f"color-{severity}"
        _send(publish, bell, "heartbeat", uptime=3600)
        if severity != "ok":
            alert = {"subsystem": "Player", "state": severity.upper(), "msg": "x"}
            _send(publish, bell, "alerts", **alert)
    colors = {f"color-{severity}/health": severity for severity in SEVERITIES}
    home_assistant.wait_for_states({**colors, "color-ok/connectivity": "on"})
    # Those of another integration keep the colors of Home Assistant.
    for kind, config, state in (
        ("sensor", {"device_class": "enum", "options": [*SEVERITIES]}, "ok"),
        ("binary_sensor", {"device_class": "connectivity"}, "ON"),
    ):
        topic = f"other/{kind}"
        config |= {"name": "Other", "unique_id": topic, "state_topic": topic}
        publish(topic, state, retain=True)
        publish(f"homeassistant/{kind}/other/config", json.dumps(config))

    def is_known() -> bool:
        """Return whether the states of both have arrived."""
        states = home_assistant.api.states()
        return {"ok", "on"} == {
            states.get(f"{kind}.other", {}).get("state")
            for kind in ("sensor", "binary_sensor")
        }

    home_assistant.wait_until(is_known, timeout=10, what="the states of others")
    entity_ids = home_assistant.entity_ids()
    by_id = {entity_ids[key]: expected[state] for key, state in colors.items()}
    by_id |= {
        entity_ids["color-ok/connectivity"]: "#4caf50",
        "sensor.other": "#4269d0",
        "binary_sensor.other": "#ffc107",
    }
    now = datetime.now(UTC)
    dates = [f"{now + timedelta(minutes=after):%FT%TZ}" for after in (-1, 1)]
    with browser.page("colors") as page:
        page.goto(
            f"{home_assistant.url}/history?entity_id={','.join(by_id)}"
            f"&start_date={dates[0]}&end_date={dates[1]}"
        )
        timeline = page.locator("state-history-chart-timeline").first
        expect(timeline).to_be_visible(timeout=LOADED)
        seen: dict[str, str] = {}

        def is_so() -> bool:
            """Return whether all have their color."""
            seen.update(page.evaluate(COLORS))
            return seen == by_id

        with suppress(TimeoutError):
            home_assistant.wait_until(is_so, timeout=10, what="the colors")
        assert seen == by_id
