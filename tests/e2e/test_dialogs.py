"""Vesper's entities in Home Assistant's dialogs and histories."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import expect
import pytest

from tests.rig.browser import CHROMIUM, Browser
from tests.rig.home_assistant import HomeAssistant

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
    colors = {f"color-{severity}_health": severity for severity in SEVERITIES}
    home_assistant.wait_for_states({**colors, "color-ok_connectivity": "on"})
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
    entity_ids = home_assistant.api.entity_ids("vesper")
    by_id = {entity_ids[key]: expected[state] for key, state in colors.items()}
    by_id |= {
        entity_ids["color-ok_connectivity"]: "#4caf50",
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
