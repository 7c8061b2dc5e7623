"""Two entries whose devices have the same ids."""

from collections.abc import Mapping
import json
from typing import Any

import pytest

from tests.rig.home_assistant import HomeAssistant
from tests.rig.sites import PREFIX, Site

from .cards import TIMEOUT
from .conftest import Publish


class Twins:
    """A device at each site, with the same id."""

    def __init__(
        self, home_assistant: HomeAssistant, publish: Publish, site: Site, name: str
    ) -> None:
        """Publish the first heartbeats."""
        self._home_assistant = home_assistant
        self._publish = publish
        self._name = name
        self.prefixes = (PREFIX, site.prefix)
        for prefix in self.prefixes:
            self.send_heartbeat(prefix)

    def send_heartbeat(self, prefix: str) -> None:
        """Publish a heartbeat until the device is online."""
        self._send(prefix, "heartbeat", uptime=3600)
        self.wait_for(prefix, connectivity="on")

    def send_alert(self, prefix: str, state: str) -> None:
        """Publish an alert."""
        self._send(prefix, "alerts", subsystem="Player", state=state)

    def wait_for(self, prefix: str, *, timeout: float = 10, **states: str) -> None:
        """Wait for states of a device, by key."""
        self._home_assistant.wait_for_states(
            {f"{self._name}/{key}": state for key, state in states.items()},
            timeout,
            prefix=prefix,
        )

    def states(self, prefix: str) -> Mapping[str, Any]:
        """Return the states of a device, with their times."""
        states = self._home_assistant.api.states()
        return {
            key: states[entity_id]
            for key, entity_id in self._home_assistant.entity_ids(prefix).items()
            if key.startswith(f"{self._name}/") and entity_id in states
        }

    def _send(self, prefix: str, topic: str, **fields: Any) -> None:
        self._publish(f"{prefix}/{self._name}/status/{topic}", json.dumps(fields))


@pytest.fixture
def twins(
    request: pytest.FixtureRequest,
    home_assistant: HomeAssistant,
    second_site: Site,
    publish: Publish,
) -> Twins:
    """Return two devices that only this test uses."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")
    return Twins(home_assistant, publish, second_site, f"twin-{name}")


def test_alerts(home_assistant: HomeAssistant, twins: Twins) -> None:
    """An alert is that of one site."""
    first, second = twins.prefixes
    twins.send_alert(second, "FAILED")
    twins.wait_for(second, alert_Player="failed", health="failed", active_alerts="1")
    assert "alert_Player" not in {key.split("/")[1] for key in twins.states(first)}
    twins.wait_for(first, health="ok", active_alerts="0")

    twins.send_alert(first, "WARNING")
    twins.wait_for(first, alert_Player="warning", health="warning")
    twins.wait_for(second, alert_Player="failed", health="failed")
    fleet = {"devices": "1", "devices_with_alerts": "1", "fleet_health": "failed"}
    home_assistant.wait_for_states(fleet, prefix=second)

    twins.send_alert(second, "CLEARED")
    twins.wait_for(second, alert_Player="ok", health="ok", active_alerts="0")
    twins.wait_for(first, alert_Player="warning", health="warning", active_alerts="1")
    fleet = {"devices": "1", "devices_with_alerts": "0", "fleet_health": "ok"}
    home_assistant.wait_for_states(fleet, prefix=second)


def test_connectivity(
    home_assistant: HomeAssistant, second_site: Site, twins: Twins
) -> None:
    """One device times out, the other one stays online."""
    first, second = twins.prefixes
    home_assistant.api.set_options(
        home_assistant.entry_of(second_site.prefix)["entry_id"],
        heartbeat_timeout=TIMEOUT,
        max_devices=500,
    )
    home_assistant.wait_until_listening()
    twins.send_heartbeat(first)
    before = twins.states(first)
    twins.send_heartbeat(second)
    twins.wait_for(second, timeout=TIMEOUT + 15, connectivity="off")
    assert twins.states(first) == before
    twins.wait_for(first, connectivity="on")


def test_restart(home_assistant: HomeAssistant, twins: Twins) -> None:
    """Each site has its own stored data."""
    first, second = twins.prefixes
    twins.send_alert(first, "WARNING")
    twins.send_alert(second, "FAILED")
    twins.wait_for(first, alert_Player="warning")
    twins.wait_for(second, alert_Player="failed")
    home_assistant.restart()
    twins.wait_for(first, alert_Player="warning", connectivity="unknown")
    twins.wait_for(second, alert_Player="failed", connectivity="unknown")
    home_assistant.wait_until_listening()
    twins.send_heartbeat(second)
    twins.wait_for(first, alert_Player="warning", connectivity="unknown")


def test_removal(
    home_assistant: HomeAssistant, second_site: Site, twins: Twins
) -> None:
    """Without one entry, the other one is as before."""
    first, second = twins.prefixes
    for prefix in twins.prefixes:
        twins.send_alert(prefix, "CRITICAL")
        twins.wait_for(prefix, alert_Player="critical")
    saved = home_assistant.saved_of(second)
    home_assistant.wait_until(saved.is_file, timeout=10, what="the file")
    kept = home_assistant.saved_of(first)
    problems = home_assistant.log_problems()
    before = twins.states(first), home_assistant.entity_ids()
    removed = {state["entity_id"] for state in twins.states(second).values()}
    assert removed

    home_assistant.remove_site(second)
    assert not saved.exists()
    assert not removed & home_assistant.api.states().keys()
    assert (twins.states(first), home_assistant.entity_ids()) == before

    home_assistant.add_site(second_site)
    home_assistant.wait_until_listening()
    assert home_assistant.saved_of(second) != saved
    twins.send_heartbeat(second)
    # The alert was that of the removed entry.
    twins.wait_for(second, health="ok", active_alerts="0")
    assert (twins.states(first), home_assistant.entity_ids()) == before

    twins.send_alert(first, "CLEARED")
    twins.wait_for(first, alert_Player="ok", health="ok")
    assert kept.is_file()
    assert home_assistant.log_problems() == problems
