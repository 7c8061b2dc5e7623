"""Topics that Home Assistant is not allowed to read."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.rig.broker import Broker
from tests.rig.dynamic_security import find_plugin, refuse_subscription
from tests.rig.fleet import Fleet
from tests.rig.home_assistant import HomeAssistant
from tests.rig.rabbitmq import EVERYTHING, RabbitMQ

from .refusing import (
    LIVING,
    SPEED,
    Row,
    assert_connected,
    connected,
    connectivity,
    connectivity_history,
    run_health_check,
    topics,
)
from .test_refusing_brokers import needs_rabbitmq

ALERTS = "vesper/+/status/alerts"
#: The same, as RabbitMQ writes it in its log.
ALERTS_LOGGED = "vesper/*/status/alerts"

#: Everything but the subscription to alerts.
NO_ALERTS = r"^(?!vesper\.\*\.status\.alerts$)"

#: In seconds: two refused connections, one that lasts without the topics, a refused
#: one, and one more; Home Assistant tries to connect every ten.
SEARCH = 120


def refused_topics(home_assistant: HomeAssistant) -> dict[str, str]:
    """Return the refused topics, by their last level."""
    issues = home_assistant.api.command("repairs/list_issues")["issues"]
    return {
        issue["issue_id"].rpartition("/")[2]: issue["translation_placeholders"]["topic"]
        for issue in issues
        if issue["translation_key"] == "subscription_refused"
    }


@needs_rabbitmq
@pytest.mark.fault(
    "a broker that disconnects whoever subscribes to alerts",
    "five disconnects at most, then a repair issue that names the topic",
)
@pytest.mark.timeout(300)
def test_disconnects(tmp_path: Path, record_property: Row) -> None:
    """The others are received; this one after a reload."""
    with (
        RabbitMQ(tmp_path / "rabbitmq", write=EVERYTHING) as broker,
        connected(tmp_path, broker.limited_address) as home_assistant,
        Fleet(
            broker.address.host, broker.address.port, devices=LIVING, speed=SPEED
        ) as fleet,
    ):
        # It has topics of Vesper, too, and subscribes to them again and again.
        home_assistant.api.turn_off_discovery()
        # The next client of MQTT must not keep the subscriptions for good.
        home_assistant.reload("mqtt")
        home_assistant.wait_for_states(connectivity("on", *LIVING))
        since = datetime.now(UTC)
        broker.limit_reading(NO_ALERTS)
        home_assistant.wait_until(
            lambda: refused_topics(home_assistant) == {"alerts": ALERTS},
            timeout=SEARCH,
            what="the repair issue",
        )
        home_assistant.wait_for_states(connectivity("on", *LIVING), timeout=SEARCH)
        seconds = (datetime.now(UTC) - since).total_seconds()
        for device_id in LIVING:
            assert "off" not in connectivity_history(home_assistant, device_id, since)
        refused = broker.refused[ALERTS_LOGGED]
        assert refused <= 5
        assert broker.refused == {ALERTS_LOGGED: refused}
        assert topics(home_assistant)["alerts"]["refused"]
        heard = topics(home_assistant)["heartbeat"]["last_message"]
        with fleet.device(LIVING[0]) as device:
            device.raise_alert("FileManager", "CRITICAL", "SD mount failed")
        home_assistant.wait_until(
            lambda: topics(home_assistant)["heartbeat"]["last_message"] != heard,
            timeout=10,
            what="a heartbeat",
        )
        assert f"{LIVING[0]}/alert_FileManager" not in home_assistant.states()
        assert broker.refused == {ALERTS_LOGGED: refused}

        broker.limit_reading(EVERYTHING)
        home_assistant.reload()
        assert not refused_topics(home_assistant)
        home_assistant.wait_for_states(connectivity("on", *LIVING), timeout=60)
        with fleet.device(LIVING[0]) as device:
            device.raise_alert("FileManager", "FAILED", "SD lost")
        home_assistant.wait_for_states({f"{LIVING[0]}/alert_FileManager": "failed"})
        assert broker.refused == {ALERTS_LOGGED: refused}
        record_property(
            "seen", f"{refused} disconnects, all else again after {seconds:.0f} s"
        )


@pytest.mark.skipif(
    find_plugin() is None, reason="only a plugin of mosquitto does so: install it"
)
@pytest.mark.fault(
    "a broker that refuses the subscription to alerts, and goes on",
    "all else is received; diagnostics show that no alert ever arrived",
)
@pytest.mark.timeout(180)
def test_goes_on(tmp_path: Path, record_property: Row) -> None:
    """A refusal is not passed on to Vesper."""
    limits = refuse_subscription(tmp_path, ALERTS)
    with (
        Broker(tmp_path / "broker", limits=limits) as broker,
        connected(tmp_path, broker.limited_address) as home_assistant,
        Fleet(
            broker.address.host, broker.address.port, devices=LIVING, speed=SPEED
        ) as fleet,
    ):
        home_assistant.wait_for_states(connectivity("on", *LIVING))
        with fleet.device(LIVING[0]) as device:
            device.raise_alert("FileManager", "CRITICAL", "SD mount failed")
            device.start_playback("ABC123")
        home_assistant.wait_for_states({f"{LIVING[0]}/playing": "on"})
        shown = topics(home_assistant)
        assert shown["heartbeat"]["last_message"] is not None
        assert shown["info"]["last_message"] is not None
        assert shown["alerts"]["last_message"] is None
        assert not shown["alerts"]["refused"]
        assert not refused_topics(home_assistant)
        run_health_check(home_assistant, LIVING[0])
        record_property("seen", assert_connected(broker))
