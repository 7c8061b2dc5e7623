"""A cluster of brokers with two Home Assistants."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
import re
import subprocess
import sys

import pytest

from tests.pages import blocks
from tests.rig.api import ApiError
from tests.rig.balancer import Balancer
from tests.rig.fleet import Fleet
from tests.rig.home_assistant import HomeAssistant
from tests.rig.process import LOCALHOST, free_port
from tests.rig.rabbitmq import Node, find_rabbitmq
from tests.rig.rabbitmq_cluster import RabbitMQCluster

from .refusing import (
    SPEED,
    TIMEOUT,
    Row,
    connected,
    connectivity,
    history,
    publish_heartbeat,
    run_health_check,
)
from .test_removal import registered, remove

#: The devices of the first node and of the second, and those that connect to any node,
#: preferably the second.
NEAR, FAR, MOVING = "cluster-near", "cluster-far", "cluster-moving"
EVERYBODY = (NEAR, FAR, MOVING)
#: It has sent a single heartbeat.
GHOST = "cluster-ghost"

ALERT = "FileManager"

#: In seconds: a timeout that began just now is over, and its consequences are shown.
TIMED_OUT = TIMEOUT + 15
#: In seconds: a node has started or healed, and its clients are back.
BACK = 60

pytestmark = [
    pytest.mark.skipif(
        find_rabbitmq() is None,
        reason="RabbitMQ is not installed: install rabbitmq-server",
    ),
    pytest.mark.timeout(300),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustered:
    """A cluster, with Home Assistants at two nodes."""

    cluster: RabbitMQCluster
    first: HomeAssistant
    second: HomeAssistant


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clustered]:
    """Return three nodes and two Home Assistants.

    It takes three: when one of two is gone, the other one has no majority.
    """
    directory = tmp_path_factory.mktemp("cluster")
    with (
        RabbitMQCluster(
            directory / "rabbitmq", nodes=3, partition="pause_minority"
        ) as cluster,
        connected(directory / "first", cluster.nodes[0].address) as first,
        connected(directory / "second", cluster.nodes[1].address) as second,
    ):
        yield Clustered(cluster=cluster, first=first, second=second)


@contextmanager
def living(cluster: RabbitMQCluster) -> Iterator[list[Fleet]]:
    """Run the devices, each with an alert."""
    first, second, third = cluster.nodes
    with ExitStack() as stack:
        balancer = stack.enter_context(
            Balancer([second.address, third.address, first.address])
        )
        fleets = [
            stack.enter_context(
                Fleet(address.host, address.port, devices=[device_id], speed=SPEED)
            )
            for device_id, address in (
                (NEAR, first.address),
                (FAR, second.address),
                (MOVING, balancer.address),
            )
        ]
        for fleet in fleets:
            with fleet.device(*fleet.device_ids) as device:
                device.raise_alert(ALERT, "CRITICAL", "SD mount failed")
        yield fleets


def alerts(*device_ids: str) -> dict[str, str]:
    """Return the expected states of what shows the alert."""
    return {
        f"{device_id}/{key}": state
        for device_id in device_ids
        for key, state in (
            (f"alert_{ALERT}", "critical"),
            ("health", "critical"),
            ("active_alerts", "1"),
        )
    }


def seen(home_assistant: HomeAssistant, key: str, since: datetime) -> set[str]:
    """Return all states of an entity."""
    entity_id = home_assistant.entity_ids()[key]
    return {state for state, _ in history(home_assistant, entity_id, since)}


def assert_kept(home_assistant: HomeAssistant, since: datetime) -> None:
    """Check that all alerts were shown all the time."""
    for key, state in alerts(*EVERYBODY).items():
        assert seen(home_assistant, key, since) == {state}


def wait_for_all(home_assistant: HomeAssistant, timeout: float = BACK) -> datetime:
    """Wait until all devices are shown as they are."""
    home_assistant.wait_for_states(
        connectivity("on", *EVERYBODY) | alerts(*EVERYBODY), timeout=timeout
    )
    return datetime.now(UTC)


def went_off(home_assistant: HomeAssistant, since: datetime) -> set[str]:
    """Return which devices were shown as offline."""
    return {
        device_id
        for device_id in EVERYBODY
        if "off" in seen(home_assistant, f"{device_id}/connectivity", since)
    }


def client_ids(node: Node) -> list[str]:
    """Return the client ids of a node's connections."""
    return re.findall(r"accepting MQTT connection .*client id: (\S+)\)", node.log)


@pytest.mark.fault(
    "a node of a cluster is killed, Home Assistant is at another one",
    "alerts stay; a device that connects to another node is never offline",
)
def test_node_of_devices_killed(clustered: Clustered, record_property: Row) -> None:
    """Only the device without a node is offline."""
    home_assistant = clustered.first
    _, killed, _ = clustered.cluster.nodes
    with living(clustered.cluster):
        since = wait_for_all(home_assistant)
        killed.kill()
        home_assistant.wait_for_states(
            connectivity("off", FAR) | connectivity("on", NEAR, MOVING) | alerts(FAR),
            timeout=TIMED_OUT,
        )
        killed.start()
        wait_for_all(home_assistant)
        assert_kept(home_assistant, since)
        assert went_off(home_assistant, since) == {FAR}
        for device_id in (NEAR, MOVING):
            assert seen(home_assistant, f"{device_id}/connectivity", since) == {"on"}
        record_property("seen", "offline: only the device that stayed at this node")


@pytest.mark.fault(
    "the node of Home Assistant in a cluster is killed",
    "connectivity is unavailable, no device is offline, alerts stay",
)
def test_own_node_killed(clustered: Clustered, record_property: Row) -> None:
    """It is an outage of the link only."""
    home_assistant = clustered.first
    killed, _, _ = clustered.cluster.nodes
    with living(clustered.cluster):
        since = max(wait_for_all(home_assistant), wait_for_all(clustered.second))
        killed.kill()
        home_assistant.wait_for_states(
            connectivity("unavailable", *EVERYBODY) | alerts(*EVERYBODY)
        )
        killed.start()
        wait_for_all(home_assistant)
        assert_kept(home_assistant, since)
        assert not went_off(home_assistant, since)
        for device_id in (FAR, MOVING):
            shown = seen(clustered.second, f"{device_id}/connectivity", since)
            assert shown == {"on"}
        record_property("seen", "no device offline, in neither Home Assistant")


@pytest.mark.fault(
    "a partition of a cluster, with devices beyond it, is healed",
    "alerts stay; a device beyond it is offline after the timeout, and back",
)
def test_partition(clustered: Clustered, record_property: Row) -> None:
    """After a partition, all devices are right again.

    A node without a majority closes its connections. Its devices connect to another
    one, and so does the second Home Assistant if it had such an address.
    """
    home_assistant = clustered.first
    cluster = clustered.cluster
    _, beyond, _ = cluster.nodes
    with living(cluster):
        since = max(wait_for_all(home_assistant), wait_for_all(clustered.second))
        with cluster.partitioned(beyond):
            clustered.second.wait_for_states(connectivity("unavailable", *EVERYBODY))
            home_assistant.wait_for_states(
                connectivity("off", FAR)
                | connectivity("on", NEAR, MOVING)
                | alerts(*EVERYBODY),
                timeout=TIMED_OUT,
            )
        for each in (home_assistant, clustered.second):
            wait_for_all(each)
            assert_kept(each, since)
        for device_id in (NEAR, MOVING):
            shown = seen(home_assistant, f"{device_id}/connectivity", since)
            assert shown == {"on"}
        assert not went_off(clustered.second, since)
        record_property("seen", "offline: only the device that stayed beyond it")


@pytest.mark.fault(
    "two Home Assistants use one cluster and one prefix",
    "what one of them does changes nothing in the other one",
)
def test_two_home_assistants(clustered: Clustered, record_property: Row) -> None:
    """Each has its own acknowledgments, maintenance and removals."""
    first, second = clustered.first, clustered.second
    _, node, _ = clustered.cluster.nodes
    with living(clustered.cluster):
        since = max(wait_for_all(first), wait_for_all(second))
        connections = [client_ids(each) for each in clustered.cluster.nodes]

        run_health_check(first, FAR)
        act(first, "acknowledge_alert", NEAR, subsystem=ALERT)
        act(first, "set_maintenance", MOVING, duration={"minutes": 10})
        first.wait_for_states({f"{MOVING}/maintenance": "on"})
        assert second.states()[f"{MOVING}/maintenance"] == "off"
        assert [acknowledged(each, NEAR) for each in (first, second)] == [True, False]
        act(first, "set_maintenance", MOVING, duration={"minutes": 0})

        publish_heartbeat(node.address, GHOST, retain=True)
        for each in (first, second):
            each.wait_for_states(connectivity("on", GHOST))
        with pytest.raises(ApiError, match="is online and would be added again"):
            remove(first, str(registered(first, GHOST)))
        first.reload()
        first.wait_for_states(connectivity("unknown", GHOST))
        remove(first, str(registered(first, GHOST)))
        assert registered(first, GHOST) is None
        assert registered(second, GHOST)
        assert seen(second, f"{GHOST}/connectivity", since) <= {"on", "unknown"}
        second.wait_for_states(connectivity("off", GHOST), timeout=TIMED_OUT)
        assert registered(first, GHOST) is None

        for device_id in EVERYBODY:
            shown = seen(second, f"{device_id}/connectivity", since)
            assert shown == {"on"}
        assert_kept(second, since)
        states = first.states()
        second.wait_for_states(
            {
                key: states[key]
                for device_id in EVERYBODY
                for key in alerts(device_id) | connectivity("on", device_id)
            }
        )
    # Neither has lost its connection, and no client id was used twice.
    ids = [
        client_id
        for each, before in zip(clustered.cluster.nodes, connections, strict=True)
        for client_id in client_ids(each)[len(before) :]
    ]
    assert len(ids) == len(set(ids))
    record_property("seen", "the other one changed no state")


def act(
    home_assistant: HomeAssistant, service: str, device_id: str, **data: object
) -> None:
    """Call an action of a device."""
    home_assistant.api.command(
        "call_service",
        domain="vesper",
        service=service,
        service_data=data,
        target={"device_id": registered(home_assistant, device_id)},
    )


def acknowledged(home_assistant: HomeAssistant, device_id: str) -> bool:
    """Return whether a device's only alert is acknowledged."""
    (alert,) = home_assistant.api.get(f"/api/vesper/devices/{device_id}/alerts")
    return bool(alert["acknowledged"])


@pytest.mark.timeout(120)
def test_page_above_all(clustered: Clustered, tmp_path: Path) -> None:
    """The program of the documentation reports all sites."""
    (program,) = (
        block for page, block in blocks("python") if page == "docs/scaling.md"
    )
    (tmp_path / "all_sites.py").write_text(program)
    first, second = clustered.first, clustered.second
    sites = {"North": first, "<South>": second}
    lines = [f"{name} {site.url} {site.api.token}" for name, site in sites.items()]
    lines.append(f"Nowhere http://{LOCALHOST}:{free_port()} token")
    (tmp_path / "sites").write_text("\n".join(lines) + "\n")
    with living(clustered.cluster):
        for site in sites.values():
            wait_for_all(site)
        subprocess.run(
            [sys.executable, "all_sites.py", "sites", "page.html"],
            cwd=tmp_path,
            check=True,
            timeout=60,
        )
    page = (tmp_path / "page.html").read_text()
    assert "<td>Nowhere<td>not reachable<td>" in page
    assert "<South>" not in page
    for name, site in sites.items():
        devices = site.api.get("/api/vesper/devices")
        assert f"<td>{escape(name)}<td>0 of {len(devices)} are well<td>" in page
        for device_id in EVERYBODY:
            row = f"<td>{escape(name)}<td>Vesper {device_id}<td>red<td>1"
            assert row in page
