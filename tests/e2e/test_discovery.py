"""Discovery in a running Home Assistant."""

from collections.abc import Iterator
import json
from typing import Any
from uuid import uuid4

import pytest

from tests.rig.home_assistant import HomeAssistant
from tests.rig.sites import PREFIX

from .conftest import Publish

ELSEWHERE = "elsewhere/vesper"


class Discovery:
    """The entry, and what is discovered."""

    def __init__(self, home_assistant: HomeAssistant, publish: Publish) -> None:
        """Set the entry."""
        self._home_assistant = home_assistant
        self._publish = publish
        self._entry_id = home_assistant.entry["entry_id"]

    def reconfigure(self, prefix: str) -> None:
        """Change the prefix of the entry."""
        self._home_assistant.api.run_flow(
            "vesper", {"prefix": prefix}, entry_id=self._entry_id
        )

    def send_alert(self) -> None:
        """Publish another alert under the default prefix."""
        # Home Assistant starts no flow for the message that it knows already.
        alert = {"subsystem": "Player", "state": "FAILED", "msg": str(uuid4())}
        self._publish(f"{PREFIX}/discovered/status/alerts", json.dumps(alert))

    def flows(self) -> list[dict[str, Any]]:
        """Return the flows that wait for the user."""
        flows = self._home_assistant.api.command("config_entries/flow/progress")
        return [flow for flow in flows if flow["handler"] == "vesper"]

    def wait_for_flow(self) -> str:
        """Return the id of a flow that begins."""
        self.send_alert()
        self._home_assistant.wait_until(
            lambda: bool(self.flows()), timeout=10, what="a flow"
        )
        (flow,) = self.flows()
        flow_id: str = flow["flow_id"]
        return flow_id

    def sources(self) -> list[str]:
        """Return the sources of all entries."""
        return [one["source"] for one in self._home_assistant.api.entries("vesper")]


@pytest.fixture
def discovery(home_assistant: HomeAssistant, publish: Publish) -> Iterator[Discovery]:
    """Return the entry with another prefix meanwhile."""
    discovery = Discovery(home_assistant, publish)
    discovery.reconfigure(ELSEWHERE)
    yield discovery
    discovery.reconfigure(PREFIX)
    home_assistant.wait_until_listening()


def test_flow_is_aborted(discovery: Discovery) -> None:
    """No flow waits for a prefix in use."""
    discovery.wait_for_flow()
    discovery.reconfigure(PREFIX)
    assert discovery.flows() == []


def test_ignored(discovery: Discovery, home_assistant: HomeAssistant) -> None:
    """The entry replaces the ignored discovery."""
    home_assistant.api.command(
        "config_entries/ignore_flow",
        flow_id=discovery.wait_for_flow(),
        title="Vesper",
    )
    assert sorted(discovery.sources()) == ["ignore", "user"]
    problems = home_assistant.log_problems()
    discovery.reconfigure(PREFIX)
    assert discovery.sources() == ["user"]
    home_assistant.wait_until_listening()
    discovery.send_alert()
    home_assistant.wait_for_states({"discovered/alert_Player": "failed"})
    assert discovery.flows() == []
    assert home_assistant.log_problems() == problems
