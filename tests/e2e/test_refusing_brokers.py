"""What a broker refuses is not sent for ever."""

from collections.abc import Iterator
from datetime import UTC, datetime
import json
from pathlib import Path
import re

import pytest

from tests.rig.api import ApiError
from tests.rig.broker import LIMITED_USER, Broker, find_mosquitto
from tests.rig.fleet import Fleet
from tests.rig.home_assistant import HomeAssistant
from tests.rig.rabbitmq import RabbitMQ, find_rabbitmq

from .refusing import (
    LIVING,
    OTHER,
    SPEED,
    TIMEOUT,
    Row,
    assert_connected,
    connected,
    connectivity,
    connectivity_history,
    control_messages,
    publish,
    publish_heartbeat,
    questions,
    record_interruptions,
    refused_issues,
    run_health_check,
    wait_between_heartbeats,
    wait_for_heartbeats,
    wait_for_other,
)
from .test_removal import registered, remove

MUTE = "refused-mute"
LATE = "refused-late"
GHOST = "refused-ghost"

#: In seconds: twice refused, and connected again.
REFUSED_TWICE = 45
#: In seconds: a timeout that began just now is over, and its consequences are shown.
TIMED_OUT = TIMEOUT + 15

#: What Home Assistant logs of a question to the broker.
QUESTION = "to topic vesper/+/status/info with"

needs_mosquitto = pytest.mark.skipif(
    find_mosquitto() is None, reason="only mosquitto has these limits: install it"
)
needs_rabbitmq = pytest.mark.skipif(
    find_rabbitmq() is None, reason="RabbitMQ is not installed: install rabbitmq-server"
)

type Refusing = tuple[RabbitMQ, HomeAssistant]


@needs_mosquitto
@pytest.mark.fault(
    "a broker with QoS 0 only, which disconnects at any other",
    "no disconnect: silent devices are offline, and removed if a user wants that",
)
@pytest.mark.timeout(180)
def test_broker_without_qos_1(tmp_path: Path, record_property: Row) -> None:
    """The link is proved without QoS 1, too."""
    with (
        Broker(tmp_path / "broker", limits=["max_qos 0"]) as broker,
        connected(tmp_path, broker.limited_address) as home_assistant,
        Fleet(
            broker.address.host, broker.address.port, devices=LIVING, speed=SPEED
        ) as fleet,
    ):
        since = datetime.now(UTC)
        home_assistant.wait_for_states(connectivity("on", *LIVING))
        assert "(p5, " in broker.log
        asked = questions(broker.log)
        for silent in (MUTE, LATE):
            wait_between_heartbeats(home_assistant, fleet)
            publish_heartbeat(broker.address, silent, retain=True)
            home_assistant.wait_for_states(connectivity("on", silent))
            wait_for_heartbeats(home_assistant, broker)
        home_assistant.wait_for_states(
            connectivity("off", MUTE, LATE) | connectivity("on", *LIVING),
            timeout=TIMED_OUT,
        )
        asked = questions(broker.log) - asked
        assert asked >= 2
        device_id = registered(home_assistant, MUTE)
        assert device_id is not None
        remove(home_assistant, device_id)
        assert registered(home_assistant, MUTE) is None
        for device_id in LIVING:
            states = connectivity_history(home_assistant, device_id, since)
            assert states == {"on"}
            assert control_messages(broker, "Received", device_id)
        seen = assert_connected(broker)
        record_property("seen", f"{seen}, {asked} questions")


@needs_mosquitto
@pytest.mark.fault(
    "a broker that drops all that Home Assistant publishes",
    "no disconnect: a device that can't be removed stays, with an error",
)
@pytest.mark.timeout(180)
def test_broker_denies_publishing(tmp_path: Path, record_property: Row) -> None:
    """A silent denial is noticed; the link stays up."""
    rights = tmp_path / "rights"
    rights.write_text(f"topic readwrite #\nuser {LIMITED_USER}\ntopic read #\n")
    with (
        Broker(tmp_path / "broker", limits=[f"acl_file {rights}"]) as broker,
        connected(tmp_path, broker.limited_address) as home_assistant,
        Fleet(
            broker.address.host, broker.address.port, devices=LIVING, speed=SPEED
        ) as fleet,
    ):
        publish_heartbeat(broker.address, GHOST, retain=True)
        home_assistant.wait_for_states(connectivity("on", GHOST, *LIVING))
        wait_between_heartbeats(home_assistant, fleet)
        home_assistant.reload()
        home_assistant.wait_for_states(
            connectivity("unknown", GHOST) | connectivity("on", *LIVING)
        )
        device_id = registered(home_assistant, GHOST)
        assert device_id is not None
        with pytest.raises(ApiError, match="did not clear the retained heartbeat"):
            remove(home_assistant, device_id)
        assert registered(home_assistant, GHOST) == device_id
        cleared = f"Denied PUBLISH .*'vesper/{GHOST}/status/heartbeat', ... .0 bytes"
        assert len(re.findall(cleared, broker.log)) == 1

        wait_between_heartbeats(home_assistant, fleet)
        home_assistant.reload()
        home_assistant.wait_for_states(
            connectivity("unknown", GHOST) | connectivity("on", *LIVING)
        )
        assert registered(home_assistant, GHOST) == device_id
        since = datetime.now(UTC)
        asked = questions(broker.log)
        home_assistant.wait_for_states(connectivity("off", GHOST), timeout=TIMED_OUT)
        asked = questions(broker.log) - asked
        assert asked
        for device_id in LIVING:
            states = connectivity_history(home_assistant, device_id, since)
            assert states == {"on"}
            assert control_messages(broker, "Denied", device_id)
        assert not refused_issues(home_assistant)
        seen = assert_connected(broker)
        record_property("seen", f"{seen}, {asked} questions")


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refusing]:
    """Return RabbitMQ and a Home Assistant that can't publish.

    It has an entity of the MQTT integration that has nothing to do with Vesper.
    """
    directory = tmp_path_factory.mktemp("refusing")
    with (
        RabbitMQ(directory / "rabbitmq") as broker,
        connected(directory, broker.limited_address) as home_assistant,
    ):
        # RabbitMQ sends retained messages only to subscriptions without wildcards.
        entity = {"name": "Other", "unique_id": "other", "state_topic": "other/state"}
        publish(broker.address, "homeassistant/sensor/other/config", json.dumps(entity))
        home_assistant.wait_until(
            lambda: OTHER in home_assistant.api.states(), timeout=10, what="the entity"
        )
        publish(broker.address, "other/state", "7", retain=True)
        wait_for_other(home_assistant)
        home_assistant.api.command(
            "call_service",
            domain="logger",
            service="set_level",
            service_data={"homeassistant.components.mqtt.client": "debug"},
        )
        yield broker, home_assistant


@needs_rabbitmq
@pytest.mark.fault(
    "a broker that disconnects whoever publishes: health checks",
    "two disconnects at most, then a repair issue; the link is proved all the same",
)
@pytest.mark.timeout(240)
def test_health_checks_end(refusing: Refusing, record_property: Row) -> None:
    """Health checks end after the second disconnect."""
    broker, home_assistant = refusing
    home_assistant.reload()
    since = datetime.now(UTC)
    refused, closed = broker.refused, broker.closed
    address = broker.address
    with Fleet(address.host, address.port, devices=LIVING, speed=SPEED) as fleet:
        home_assistant.wait_until(
            lambda: "health_check" in refused_issues(home_assistant),
            timeout=REFUSED_TWICE,
            what="the repair issue",
        )
        topics = {f"vesper/{device_id}/control" for device_id in LIVING}
        assert {*refused_issues(home_assistant)} == {"health_check"}
        assert refused_issues(home_assistant)["health_check"] in topics
        home_assistant.wait_until_listening()
        wait_for_other(home_assistant)
        home_assistant.wait_for_states(connectivity("on", *LIVING))

        asked = home_assistant.log.count(QUESTION)
        wait_between_heartbeats(home_assistant, fleet)
        publish_heartbeat(address, MUTE)
        home_assistant.wait_for_states(connectivity("on", MUTE))
        with pytest.raises(ApiError, match="closes the connection of Home Assistant"):
            run_health_check(home_assistant, LIVING[0])
        home_assistant.wait_for_states(
            connectivity("off", MUTE) | connectivity("on", *LIVING), timeout=TIMED_OUT
        )
        asked = home_assistant.log.count(QUESTION) - asked
        assert asked
        refused = broker.refused - refused
        assert refused.keys() <= topics
        assert refused.total() == broker.closed - closed == 2
        for device_id in LIVING:
            assert "off" not in connectivity_history(home_assistant, device_id, since)
        record_interruptions(record_property, home_assistant, since)


@needs_rabbitmq
@pytest.mark.fault(
    "a broker that disconnects whoever publishes: removal of a device",
    "two disconnects at most, then a repair issue until the reload; the device stays",
)
@pytest.mark.timeout(240)
def test_clearing_ends(refusing: Refusing, record_property: Row) -> None:
    """A third try to remove a device sends nothing."""
    broker, home_assistant = refusing
    home_assistant.reload()
    assert not refused_issues(home_assistant)
    closed = broker.closed
    publish_heartbeat(broker.address, GHOST)
    # It is asked to check itself; that is what ends the connection for the first time.
    home_assistant.wait_until(
        lambda: broker.closed > closed, timeout=10, what="the first disconnect"
    )
    home_assistant.wait_for_states(connectivity("unavailable", GHOST))
    wait_for_other(home_assistant)
    home_assistant.reload()
    home_assistant.wait_for_states(connectivity("unknown", GHOST))
    device_id = registered(home_assistant, GHOST)
    assert device_id is not None

    since = datetime.now(UTC)
    refused, closed = broker.refused, broker.closed
    heartbeat = f"vesper/{GHOST}/status/heartbeat"
    for _ in range(2):
        with pytest.raises(ApiError, match="did not clear the retained heartbeat"):
            remove(home_assistant, device_id)
        wait_for_other(home_assistant)
        home_assistant.wait_for_states(connectivity("unknown", GHOST))
    assert refused_issues(home_assistant) == {"clearing": heartbeat}
    with pytest.raises(ApiError, match="closes the connection of Home Assistant"):
        remove(home_assistant, device_id)
    assert registered(home_assistant, GHOST) == device_id

    home_assistant.reload()
    assert not refused_issues(home_assistant)
    home_assistant.wait_for_states(connectivity("unknown", GHOST))
    assert broker.refused - refused == {heartbeat: 2}
    assert broker.closed - closed == 2
    record_interruptions(record_property, home_assistant, since)
