"""A bridge between two brokers sends heartbeats again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
import json
from pathlib import Path
import re
import time
from typing import Literal

import pytest

from tests.rig.broker import Broker, find_mosquitto
from tests.rig.home_assistant import HomeAssistant
from tests.rig.process import LOCALHOST, free_port

from .refusing import (
    TIMEOUT,
    Row,
    connected,
    connectivity,
    connectivity_history,
    publish,
)

#: It has sent some heartbeats and is dead; some later, it comes back, without or with a
#: restart.
DEAD, BACK, RESTARTED = "bridge-dead", "bridge-back", "bridge-restarted"
KNOWN = (DEAD, BACK, RESTARTED)
#: It has sent a single heartbeat.
ONCE = "bridge-once"

UPTIME = 3600

#: In seconds: a timeout that began just now is over, and its consequences are shown.
TIMED_OUT = TIMEOUT + 15
#: In seconds: a bridge tries to connect after one, or a little more each time.
BRIDGED = 30
BOUNCES = 3

type Direction = Literal["in", "out"]
type Bridged = tuple[Broker, Broker, HomeAssistant]


@contextmanager
def bridged(directory: Path, direction: Direction) -> Iterator[Bridged]:
    """Run two bridged brokers and Home Assistant.

    Its broker pulls the messages in, or that of the devices pushes them out. Both are
    set as mosquitto's manual shows it, but the bridge connects again sooner.
    """
    far_port, near_port = free_port(), free_port()
    bridge = [
        "connection site",
        f"address {LOCALHOST}:{far_port if direction == 'in' else near_port}",
        f"topic vesper/# {direction} 1",
        "restart_timeout 1",
    ]
    # The default: a broker with a limit, whatever it is, logs every packet.
    no_limit = ["connection_messages true"]
    with ExitStack() as stack:
        far, near = (
            stack.enter_context(
                Broker(
                    directory / name,
                    port=port,
                    persistent=True,
                    limits=bridge if owner else no_limit,
                )
            )
            for name, port, owner in (
                ("far", far_port, direction == "out"),
                ("near", near_port, direction == "in"),
            )
        )
        yield far, near, stack.enter_context(connected(directory, near.limited_address))


def publish_heartbeat(broker: Broker, device_id: str, uptime: int) -> None:
    """Publish a heartbeat as devices do: it is retained."""
    publish(
        broker.address,
        f"vesper/{device_id}/status/heartbeat",
        json.dumps({"device_id": device_id, "uptime": uptime}),
        retain=True,
    )


def delivered(near: Broker, device_id: str) -> int:
    """Return how often a heartbeat was sent as live."""
    return len(
        re.findall(
            rf"Sending PUBLISH to \S+ \(d., q1, r0, m\d+, "
            rf"'vesper/{device_id}/status/heartbeat'",
            near.log,
        )
    )


def replayed(home_assistant: HomeAssistant) -> dict[str, int]:
    """Return how many heartbeats were late or replayed."""
    entry_id = home_assistant.entry["entry_id"]
    download = home_assistant.api.get(f"/api/diagnostics/config_entry/{entry_id}")
    return {
        device["device_id"]: device["counters"]["replayed"]
        for device in download["data"]["devices"]
    }


def bounce(far: Broker, near: Broker, home_assistant: HomeAssistant) -> None:
    """Restart the devices' broker, and wait for all heartbeats."""
    before = {device_id: delivered(near, device_id) for device_id in KNOWN}
    counted = replayed(home_assistant)
    far.restart()
    home_assistant.wait_until(
        lambda: all(delivered(near, key) > count for key, count in before.items()),
        timeout=BRIDGED,
        what="the heartbeats that the other broker has retained",
    )
    home_assistant.wait_until(
        lambda: all(
            replayed(home_assistant)[device_id] > counted[device_id]
            for device_id in KNOWN
        ),
        timeout=10,
        what="the count of these heartbeats",
    )


@pytest.mark.skipif(
    find_mosquitto() is None, reason="only mosquitto has bridges: install it"
)
@pytest.mark.fault(
    "a bridge between two brokers connects again, and sends retained heartbeats as new",
    "no dead device is online, before and after a restart of Home Assistant",
)
@pytest.mark.parametrize("direction", ["in", "out"])
@pytest.mark.timeout(300)
def test_bounced_bridge(
    tmp_path: Path, direction: Direction, record_property: Row
) -> None:
    """Only a device comes back, not what is replayed."""
    with bridged(tmp_path, direction) as (far, near, home_assistant):
        for device_id in (*KNOWN, ONCE):
            publish_heartbeat(far, device_id, UPTIME)
        home_assistant.wait_for_states(
            connectivity("on", *KNOWN, ONCE), timeout=BRIDGED
        )
        before = delivered(near, RESTARTED)
        began = time.monotonic()
        for device_id in KNOWN:
            publish_heartbeat(far, device_id, UPTIME + 30)
        home_assistant.wait_until(
            lambda: delivered(near, RESTARTED) > before, timeout=10, what="heartbeats"
        )
        home_assistant.wait_for_states(
            connectivity("off", *KNOWN, ONCE), timeout=TIMED_OUT
        )

        dead_since = datetime.now(UTC)
        for _ in range(BOUNCES):
            bounce(far, near, home_assistant)
            # Its uptime was never seen to grow, so it may be firmware without a clock.
            home_assistant.wait_for_states(
                connectivity("off", *KNOWN) | connectivity("on", ONCE)
            )
        counted = replayed(home_assistant)

        home_assistant.restart()
        home_assistant.wait_until_listening()
        bounce(far, near, home_assistant)
        states = home_assistant.states()
        assert all(states[f"{device_id}/connectivity"] != "on" for device_id in KNOWN)

        up = UPTIME + 30 + round(time.monotonic() - began)
        publish_heartbeat(far, BACK, up)
        publish_heartbeat(far, RESTARTED, 5)
        home_assistant.wait_for_states(connectivity("on", BACK, RESTARTED))
        home_assistant.wait_for_states(connectivity("off", DEAD), timeout=TIMED_OUT)
        shown = connectivity_history(home_assistant, DEAD, dead_since)
        assert "on" not in shown
        record_property(
            "seen",
            f"{counted[DEAD]} replayed in {BOUNCES} reconnections ({direction}); "
            f"the dead device was {', '.join(sorted(shown))}",
        )
