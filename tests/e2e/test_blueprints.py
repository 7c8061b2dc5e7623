"""Blueprints notify of trouble, with devices' text as text."""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

from playwright.sync_api import expect
import pytest

from homeassistant.util.yaml import parse_yaml
from tests.pages import blocks
from tests.rig.browser import CHROMIUM, Browser
from tests.rig.home_assistant import HomeAssistant

from .conftest import Publish

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "blueprints/automation"
DEVICE = "blueprinted"
AUTOMATION = "blueprint_under_test"

#: Where no request may go.
FOREIGN = "http://203.0.113.5"
SUBSYSTEM = f"<b>![x]({FOREIGN}/s.png)"
#: It ends a span of code, and is HTML, Markdown and a template.
MESSAGE = (
    f"`` ` <img src={FOREIGN}/a.png> ![b]({FOREIGN}/b.png) [c]({FOREIGN}/c)"
    f" www.a.example {FOREIGN}/d <script>alert(1)</script> <h1>e</h1> **f** # g"
    " {{ 7 * 6 }} `"
)


def shown(text: str) -> str:
    """Return how a text from a device is shown."""
    return text.replace("`", "'")


def messages(home_assistant: HomeAssistant, device_id: str) -> list[str]:
    """Return the messages of the automation."""
    notifications = home_assistant.api.command("persistent_notification/get")
    return [
        notification["message"]
        for notification in notifications
        if device_id in notification["title"] + notification["message"]
    ]


def use(home_assistant: HomeAssistant, name: str, inputs: dict[str, Any]) -> None:
    """Import a blueprint, and save an automation of it."""
    api = home_assistant.api
    path = f"vesper/{name}.yaml"
    api.command(
        "blueprint/save",
        domain="automation",
        path=path,
        yaml=(FOLDER / path).read_text(),
        allow_override=True,
    )
    api.post(
        f"/api/config/automation/config/{AUTOMATION}",
        {
            "alias": f"Blueprint {name}",
            "use_blueprint": {"path": path, "input": inputs},
        },
    )
    home_assistant.wait_until(
        lambda: automation_of(home_assistant) is not None,
        timeout=10,
        what="the automation",
    )


def automation_of(home_assistant: HomeAssistant) -> str | None:
    """Return the automation's entity id if it is on."""
    return next(
        (
            entity_id
            for entity_id, state in home_assistant.api.states().items()
            if state["state"] == "on" and state["attributes"].get("id") == AUTOMATION
        ),
        None,
    )


@pytest.fixture
def clean(home_assistant: HomeAssistant) -> Iterator[None]:
    """Remove the automation and the notifications."""
    yield
    home_assistant.api.request("DELETE", f"/api/config/automation/config/{AUTOMATION}")
    home_assistant.api.post("/api/services/persistent_notification/dismiss_all", {})


@pytest.fixture
def device(
    request: pytest.FixtureRequest, home_assistant: HomeAssistant, publish: Publish
) -> str:
    """Return the id of this test's online device."""
    callspec = getattr(request.node, "callspec", None)
    name = callspec.id if callspec else request.node.name.removeprefix("test_")
    device_id = f"{DEVICE}-{name.replace('_', '-')}"
    publish(f"vesper/{device_id}/status/heartbeat", '{"uptime": 3600}')
    home_assistant.wait_for_states({f"{device_id}/connectivity": "on"})
    return device_id


def target(home_assistant: HomeAssistant, device_id: str) -> dict[str, Any]:
    """Return a target with the device."""
    entity_id = home_assistant.entity_ids()[f"{device_id}/connectivity"]
    return {"entity_id": [entity_id]}


@pytest.mark.usefixtures("clean")
def test_trouble_and_recovery(
    home_assistant: HomeAssistant, publish: Publish, device: str
) -> None:
    """An imported blueprint notifies of trouble and recovery."""
    alerts = f"vesper/{device}/status/alerts"
    inputs = {"devices": target(home_assistant, device)}
    use(home_assistant, "device_in_trouble", inputs)
    publish(alerts, '{"subsystem": "SD", "state": "WARNING", "msg": "no card"}')
    home_assistant.wait_until(
        lambda: messages(home_assistant, device) == ["`SD` is warning: `no card`"],
        timeout=10,
        what="the notification of the trouble",
    )
    publish(alerts, '{"subsystem": "SD", "state": "CLEARED"}')
    home_assistant.wait_until(
        lambda: "`SD` is OK again" in messages(home_assistant, device),
        timeout=10,
        what="the notification of the recovery",
    )


@pytest.fixture
def essential(home_assistant: HomeAssistant) -> Iterator[None]:
    """Use the essential entities."""
    entry_id = home_assistant.entry["entry_id"]
    home_assistant.api.set_options(entry_id, entities="essential")
    home_assistant.wait_until_listening()
    yield
    home_assistant.api.set_options(entry_id, entities="all")
    home_assistant.wait_until_listening()


def run(home_assistant: HomeAssistant) -> None:
    """Run the automation by hand."""
    home_assistant.api.post(
        "/api/services/automation/trigger", {"entity_id": automation_of(home_assistant)}
    )


def set_maintenance(home_assistant: HomeAssistant, device_id: str, hours: int) -> None:
    """Begin or end maintenance of a device."""
    home_assistant.api.post(
        "/api/services/vesper/set_maintenance",
        {**target(home_assistant, device_id), "duration": {"hours": hours}},
    )


@pytest.mark.usefixtures("clean", "essential")
def test_essential_entities(
    home_assistant: HomeAssistant, publish: Publish, device: str
) -> None:
    """The digest knows maintenance without the switch."""
    publish(
        f"vesper/{device}/status/alerts",
        '{"subsystem": "SD", "state": "FAILED", "msg": "no card"}',
    )
    home_assistant.wait_for_states({f"{device}/health": "failed"})
    assert f"{device}/maintenance" not in home_assistant.entity_ids()
    use(home_assistant, "health_digest", {"all_well": True})
    set_maintenance(home_assistant, device, 1)
    run(home_assistant)
    api = home_assistant.api
    home_assistant.wait_until(
        lambda: bool(api.command("persistent_notification/get")),
        timeout=10,
        what="the notification without the device",
    )
    assert messages(home_assistant, device) == []
    set_maintenance(home_assistant, device, 0)
    run(home_assistant)
    home_assistant.wait_until(
        lambda: len(messages(home_assistant, device)) == 1,
        timeout=10,
        what="the notification with the device",
    )
    (message,) = messages(home_assistant, device)
    assert f"`Failed: Vesper {device}, SD: no card, since " in message


@pytest.mark.usefixtures("clean")
def test_acknowledged_by_a_tick(
    home_assistant: HomeAssistant, publish: Publish, device: str
) -> None:
    """A tick ends an alert that was escalated."""
    inputs = {
        "devices": target(home_assistant, device),
        "severity": "warning",
        "patience": {"seconds": 1},
    }
    use(home_assistant, "escalate_alert", inputs)
    publish(f"vesper/{device}/status/alerts", '{"subsystem": "SD", "state": "WARNING"}')
    home_assistant.wait_until(
        lambda: messages(home_assistant, device) == ["`SD` is warning"],
        timeout=10,
        what="the notification of the alert",
    )
    api = home_assistant.api
    item = f"{device}/alert/SD"
    (problems,) = (one for one in api.states() if one.startswith("todo."))
    api.post(
        "/api/services/todo/update_item",
        {"entity_id": problems, "item": item, "status": "completed"},
    )
    user = api.command("auth/current_user")["name"]
    home_assistant.wait_until(
        lambda: f"`SD` is acknowledged by `{user}`" in messages(home_assistant, device),
        timeout=10,
        what="the notification of the acknowledgement",
    )


@pytest.mark.usefixtures("clean")
def test_maintenance_by_a_schedule(
    home_assistant: HomeAssistant, publish: Publish, device: str
) -> None:
    """It begins at the start, and follows the schedule."""
    api, always = home_assistant.api, [{"from": "00:00:00", "to": "24:00:00"}]
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
    schedule = api.command(
        "schedule/create",
        name="Service",
        **dict.fromkeys((*days, "sunday"), always),
    )
    inputs = {"devices": target(home_assistant, device), "schedule": "schedule.service"}
    use(home_assistant, "scheduled_maintenance", inputs)
    assert home_assistant.states()[f"{device}/maintenance"] == "off"
    home_assistant.restart()
    home_assistant.wait_for_states({f"{device}/maintenance": "on"}, timeout=30)
    home_assistant.api.command(
        "schedule/update",
        schedule_id=schedule["id"],
        name="Service",
        **dict.fromkeys((*days, "sunday"), ()),
    )
    home_assistant.wait_for_states({f"{device}/maintenance": "off"})
    home_assistant.api.command("schedule/delete", schedule_id=schedule["id"])


@pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium")
@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("device_in_trouble", {}),
        ("escalate_alert", {"severity": "warning", "patience": {"seconds": 1}}),
        ("device_unstable", {}),
        ("health_digest", {}),
    ],
    ids=("trouble", "escalation", "unstable", "digest"),
)
def test_text_from_a_device_is_text(
    home_assistant: HomeAssistant,
    publish: Publish,
    device: str,
    name: str,
    options: dict[str, Any],
) -> None:
    """Text in a notification is never markup.

    Nor is anything loaded because of it.
    """
    is_digest = name == "health_digest"
    inputs = {} if is_digest else {"devices": target(home_assistant, device), **options}
    use(home_assistant, name, inputs)
    alert = {"subsystem": SUBSYSTEM, "state": "FAILED", "msg": MESSAGE}
    for _ in range(3 if name == "device_unstable" else 0):
        for state in ("WARNING", "CLEARED"):
            publish(
                f"vesper/{device}/status/alerts", json.dumps(alert | {"state": state})
            )
    publish(f"vesper/{device}/status/alerts", json.dumps(alert))
    if is_digest:
        home_assistant.wait_for_states({f"{device}/health": "failed"})
        run(home_assistant)
    home_assistant.wait_until(
        lambda: len(messages(home_assistant, device)) == 1,
        timeout=10,
        what="the notification",
    )
    with (
        Browser(home_assistant, ROOT / ".cache/test/pictures") as browser,
        # It fails after a request to another host.
        browser.page("notifications") as page,
    ):
        page.goto(home_assistant.url)
        page.get_by_role("button", name="Notifications").click(timeout=30_000)
        content = page.locator("persistent-notification-item ha-markdown-element")
        if name != "device_unstable":
            expect(content).to_contain_text(shown(MESSAGE))
        expect(content).to_contain_text(shown(SUBSYSTEM))
        expect(content.locator("img, a, script, h1, b, strong, em")).to_have_count(0)
        assert content.locator("code").count() >= 1


@pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium")
def test_text_on_a_card_is_text(
    home_assistant: HomeAssistant, publish: Publish, device: str
) -> None:
    """Text on the Markdown card is no markup."""
    (card,) = (
        card
        for _, block in blocks("yaml")
        if isinstance(card := parse_yaml(block), dict)
        and card.get("type") == "markdown"
    )
    alert = {"subsystem": SUBSYSTEM, "state": "FAILED", "msg": MESSAGE}
    publish(f"vesper/{device}/status/alerts", json.dumps(alert))
    api = home_assistant.api
    api.command(
        "lovelace/dashboards/create", url_path="card-text", title="Text", mode="storage"
    )
    view = {"type": "sections", "sections": [{"type": "grid", "cards": [card]}]}
    api.command("lovelace/config/save", url_path="card-text", config={"views": [view]})
    with (
        Browser(home_assistant, ROOT / ".cache/test/pictures") as browser,
        browser.page("card-text") as page,
    ):
        page.goto(f"{home_assistant.url}/card-text/0")
        content = page.locator("hui-markdown-card ha-markdown-element")
        expect(content).to_contain_text(shown(MESSAGE), timeout=30_000)
        expect(content).to_contain_text(shown(SUBSYSTEM))
        expect(content.locator("img, a, script, h1, b, strong, em")).to_have_count(0)
