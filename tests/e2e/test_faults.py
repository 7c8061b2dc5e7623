"""The fault matrix: no fault shows a wrong state.

One Home Assistant goes through all faults, with a broker and a fleet of its own. One
device is offline from the start, and one has an alert all the time.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
import time
from urllib.parse import quote

from paho.mqtt import publish as mqtt_publish
import pytest

from tests.rig.broker import Broker, find_mosquitto
from tests.rig.fleet import Fleet
from tests.rig.home_assistant import HomeAssistant
from tests.rig.process import free_port

ALERTING, HEALTHY, *_ = LIVING = ("faults-1", "faults-2", "faults-3")
MUTE = "faults-mute"
DEAD = "faults-dead"

#: The shortest timeout, in seconds, and the speed of the devices: they send a
#: heartbeat every three seconds.
TIMEOUT = 30
SPEED = 10

#: In seconds: the longest time until the right state is shown after a fault.
SETTLED = 60

type Row = Callable[[str, object], None]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Return a broker that retains the dead device's heartbeat."""
    directory = tmp_path_factory.mktemp("faults-broker")
    with Broker(directory, persistent=find_mosquitto() is not None) as broker:
        retain_heartbeat_of_dead_device(broker)
        yield broker


@pytest.fixture(scope="module")
def home_assistant(
    tmp_path_factory: pytest.TempPathFactory, broker: Broker
) -> Iterator[HomeAssistant]:
    """Return a Home Assistant with the shortest timeout."""
    directory: Path = tmp_path_factory.mktemp("faults") / "config"
    with HomeAssistant(
        directory,
        port=free_port(),
        broker=broker.address,
        movable_clock=True,
    ) as home_assistant:
        home_assistant.api.set_options(
            home_assistant.entry["entry_id"], heartbeat_timeout=TIMEOUT
        )
        home_assistant.wait_until_listening()
        yield home_assistant
    problems = home_assistant.log_problems()
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def fleet(broker: Broker, home_assistant: HomeAssistant) -> Iterator[Fleet]:
    """Return running devices, one of them with an alert."""
    address = broker.address
    devices = (*LIVING, MUTE)
    with Fleet(address.host, address.port, devices=devices, speed=SPEED) as fleet:
        raise_alert(fleet, ALERTING)
        wait_until_right(home_assistant)
        yield fleet


@pytest.fixture
def promises(
    home_assistant: HomeAssistant, fleet: Fleet, record_property: Row
) -> Iterator[None]:
    """Check at the end that no state was wrong."""
    home_assistant.wait_until_listening()
    yield
    began = time.monotonic()
    wait_until_right(home_assistant)
    settled = time.monotonic() - began
    dead = history(home_assistant, f"{DEAD}/connectivity")
    assert "on" not in dead
    living = {
        state
        for device_id in LIVING
        for state in history(home_assistant, f"{device_id}/connectivity")
    }
    assert "off" not in living
    alert = history(home_assistant, f"{ALERTING}/alert_FileManager")
    # Home Assistant itself shows it from its start until that of the integration.
    assert set(alert) - {"unavailable"} == {"critical"}
    record_property("seen", f"all of it; right again {settled:.0f} s after the row")


def retain_heartbeat_of_dead_device(broker: Broker) -> None:
    """Publish a retained heartbeat of the dead device."""
    mqtt_publish.single(
        f"vesper/{DEAD}/status/heartbeat",
        '{"uptime": 3600}',
        qos=1,
        retain=True,
        hostname=broker.address.host,
        port=broker.address.port,
    )


def raise_alert(fleet: Fleet, device_id: str, subsystem: str = "FileManager") -> None:
    """Let a subsystem of a device fail."""
    with fleet.device(device_id) as device:
        device.raise_alert(subsystem, "CRITICAL", "SD mount failed")


def clear_alert(fleet: Fleet, device_id: str, subsystem: str) -> None:
    """Let a subsystem of a device recover."""
    with fleet.device(device_id) as device:
        device.clear_alert(subsystem)


def wait_until_right(home_assistant: HomeAssistant) -> None:
    """Wait until Home Assistant shows the true states."""
    home_assistant.wait_for_states(
        {f"{device_id}/connectivity": "on" for device_id in (*LIVING, MUTE)}
        | {f"{ALERTING}/alert_FileManager": "critical"},
        timeout=SETTLED,
    )


def history(home_assistant: HomeAssistant, key: str) -> list[str]:
    """Return all recorded states of an entity, in order."""
    entity_id = home_assistant.entity_ids()[key]
    now = datetime.now(UTC)
    begin, end = ((now + timedelta(days=days)).isoformat() for days in (-3, 3))
    periods = home_assistant.api.get(
        f"/api/history/period/{quote(begin)}?end_time={quote(end)}"
        f"&filter_entity_id={entity_id}&minimal_response"
    )
    return [state["state"] for period in periods for state in period]


def attributes(home_assistant: HomeAssistant, key: str) -> dict[str, object]:
    """Return the attributes of an entity."""
    entity_id = home_assistant.entity_ids()[key]
    shown: dict[str, object] = home_assistant.api.states()[entity_id]["attributes"]
    return shown


@pytest.mark.fault(
    "a device disconnects", "only it is offline after the timeout, and back at once"
)
@pytest.mark.usefixtures("promises")
def test_device_times_out(home_assistant: HomeAssistant, fleet: Fleet) -> None:
    """A device without messages goes offline."""
    with fleet.device(MUTE) as device:
        device.disconnect_wifi()
    home_assistant.wait_for_states(
        {f"{MUTE}/connectivity": "off", f"{DEAD}/connectivity": "off"}, timeout=SETTLED
    )
    with fleet.device(MUTE) as device:
        device.reconnect_wifi()


@pytest.mark.fault(
    "a device restarts with an alert", "the alert stays until the device reports it"
)
@pytest.mark.usefixtures("promises")
def test_device_restarted(home_assistant: HomeAssistant, fleet: Fleet) -> None:
    """The alert is unconfirmed until the next health check."""
    key = f"{ALERTING}/alert_FileManager"
    with fleet.device(ALERTING) as device:
        device.restart()
    home_assistant.wait_until(
        lambda: attributes(home_assistant, key)["confirmed"] is False,
        timeout=SETTLED,
        what="the doubt",
    )
    home_assistant.wait_until(
        lambda: attributes(home_assistant, key)["confirmed"] is True,
        timeout=SETTLED,
        what="the report of the device",
    )


@pytest.mark.fault(
    "the wall clock is moved",
    "no running device is offline, no dead one online, no alert is lost",
)
@pytest.mark.timeout(300)  # it waits for two timeouts
@pytest.mark.usefixtures("promises")
def test_wall_clock_moved(home_assistant: HomeAssistant, fleet: Fleet) -> None:
    """Devices time out as usual while the clock jumps."""
    key = f"{HEALTHY}/alert_Clock"
    try:
        for moved in (3600, -3600):
            with fleet.device(MUTE) as device:
                device.disconnect_wifi()
            home_assistant.set_clock(moved)
            raise_alert(fleet, HEALTHY, "Clock")
            home_assistant.wait_for_states({key: "critical"})
            raised_at = datetime.fromisoformat(
                str(attributes(home_assistant, key)["updated_at"])
            )
            jump = (raised_at - datetime.now(UTC)).total_seconds()
            assert jump == pytest.approx(moved, abs=SETTLED)
            home_assistant.wait_for_states(
                {f"{MUTE}/connectivity": "off", f"{DEAD}/connectivity": "off"},
                timeout=SETTLED,
            )
            # Longer than the timeout of the last messages before the jump, too.
            time.sleep(5)
            clear_alert(fleet, HEALTHY, "Clock")
            with fleet.device(MUTE) as device:
                device.reconnect_wifi()
            home_assistant.wait_for_states({key: "ok", f"{MUTE}/connectivity": "on"})
            wait_until_right(home_assistant)
    finally:
        home_assistant.set_clock(0)


@pytest.mark.fault(
    "broker stopped and started, with its retained messages",
    "no running device is offline, no dead one online, no alert is lost",
)
@pytest.mark.usefixtures("promises")
def test_broker_restarted(broker: Broker, home_assistant: HomeAssistant) -> None:
    """Connectivity is unavailable while the broker is down."""
    if not broker.persistent:
        pytest.skip("amqtt retains nothing over a restart")
    broker.stop()
    home_assistant.wait_for_states({f"{ALERTING}/connectivity": "unavailable"})
    broker.start()


@pytest.mark.fault(
    "broker stopped and started, without its retained messages",
    "no running device is offline, no dead one online, no alert is lost",
)
@pytest.mark.usefixtures("promises")
def test_broker_forgets(broker: Broker) -> None:
    """A device without a retained heartbeat stays known."""
    broker.restart(drop_retained=True)


@pytest.mark.fault(
    "broker frozen for longer than the timeout",
    "the disconnect is detected before a running device is offline",
)
@pytest.mark.usefixtures("promises")
def test_broker_frozen(broker: Broker, home_assistant: HomeAssistant) -> None:
    """A frozen broker is detected before MQTT's own timeout."""
    broker.freeze()
    try:
        home_assistant.wait_for_states(
            {f"{device_id}/connectivity": "unavailable" for device_id in LIVING}
            | {f"{ALERTING}/alert_FileManager": "critical"},
            timeout=SETTLED,
        )
        # Longer than the timeout of the last messages.
        time.sleep(5)
    finally:
        broker.thaw()


@pytest.mark.fault(
    "the entry of MQTT is reloaded", "no device goes offline, no alert is lost"
)
@pytest.mark.usefixtures("promises")
def test_mqtt_reloaded(home_assistant: HomeAssistant) -> None:
    """The MQTT client and all subscriptions are replaced."""
    home_assistant.reload("mqtt")


@pytest.mark.fault(
    "our entry is reloaded under load", "no device goes offline, no alert is lost"
)
@pytest.mark.usefixtures("promises")
def test_reloaded_under_load(broker: Broker, home_assistant: HomeAssistant) -> None:
    """The entry reloads while many messages arrive."""
    address = broker.address
    devices = [f"faults-load-{number}" for number in range(5)]
    with Fleet(address.host, address.port, devices=devices, speed=600):
        for _ in range(3):
            home_assistant.reload()
        home_assistant.wait_for_states(
            {f"{device_id}/connectivity": "on" for device_id in devices}
        )


@pytest.mark.fault(
    "the prefix is changed, and changed back",
    "those of the new one are received, those of the old one stay known",
)
@pytest.mark.usefixtures("promises")
def test_prefix_changed(broker: Broker, home_assistant: HomeAssistant) -> None:
    """Devices of the old prefix keep their alerts."""
    address = broker.address
    entry_id = home_assistant.entry["entry_id"]
    other = Fleet(
        address.host, address.port, prefix="faults/bells", devices=["faults-other"]
    )
    home_assistant.api.run_flow("vesper", {"prefix": "faults/bells"}, entry_id=entry_id)
    home_assistant.wait_until_listening()
    with other:
        home_assistant.wait_for_states(
            {
                "faults-other/connectivity": "on",
                f"{ALERTING}/alert_FileManager": "critical",
            }
        )
    home_assistant.api.run_flow("vesper", {"prefix": "vesper"}, entry_id=entry_id)
    home_assistant.wait_until_listening()


@pytest.mark.fault(
    "what is known can't be saved",
    "all goes on, a repair issue reports it, and the next save fixes it",
)
@pytest.mark.usefixtures("promises")
def test_saving_fails(home_assistant: HomeAssistant, fleet: Fleet) -> None:
    """A save that fails raises a repair issue.

    A folder in place of the file fails as a full disk does.
    """
    saved = home_assistant.saved

    def has_issue() -> bool:
        issues = home_assistant.api.command("repairs/list_issues")["issues"]
        return any(issue["translation_key"] == "store_not_written" for issue in issues)

    saved.unlink()
    (saved / "full").mkdir(parents=True)
    raise_alert(fleet, HEALTHY, "Disk")
    home_assistant.wait_until(has_issue, timeout=SETTLED, what="the repair")
    home_assistant.wait_for_states({f"{HEALTHY}/alert_Disk": "critical"})
    (saved / "full").rmdir()
    saved.rmdir()
    clear_alert(fleet, HEALTHY, "Disk")
    home_assistant.wait_for_states({f"{HEALTHY}/alert_Disk": "ok"})
    home_assistant.wait_until(
        lambda: not has_issue(), timeout=SETTLED, what="the end of the repair"
    )
    assert saved.is_file()


@pytest.mark.fault(
    "Home Assistant is killed a second after an alert was shown",
    "the alert is there again, not confirmed",
)
@pytest.mark.usefixtures("promises")
def test_home_assistant_killed(home_assistant: HomeAssistant, fleet: Fleet) -> None:
    """A state shown for a second is stored."""
    key = f"{HEALTHY}/alert_Power"
    raise_alert(fleet, HEALTHY, "Power")
    home_assistant.wait_for_states({key: "critical"})
    time.sleep(1)
    home_assistant.kill()
    home_assistant.start()
    home_assistant.wait_for_states({key: "critical"})
    assert attributes(home_assistant, key)["confirmed"] is False
    home_assistant.wait_until_listening()
    clear_alert(fleet, HEALTHY, "Power")
    home_assistant.wait_for_states({key: "ok"})
    assert "ok" not in history(home_assistant, key)[:-1]


@pytest.mark.fault(
    "Home Assistant is restarted while alerts change",
    "alerts are shown until their device clears them",
)
@pytest.mark.usefixtures("promises")
def test_home_assistant_restarted(home_assistant: HomeAssistant, fleet: Fleet) -> None:
    """An alert cleared during a restart stays, unconfirmed."""
    key = f"{HEALTHY}/alert_Network"
    raise_alert(fleet, HEALTHY, "Network")
    home_assistant.wait_for_states({key: "critical"})
    home_assistant.stop()
    clear_alert(fleet, HEALTHY, "Network")
    home_assistant.start()
    home_assistant.wait_for_states({key: "critical"})
    assert attributes(home_assistant, key)["confirmed"] is False
    home_assistant.wait_until_listening()
    raise_alert(fleet, HEALTHY, "Network")
    home_assistant.wait_until(
        lambda: attributes(home_assistant, key)["confirmed"] is True,
        timeout=SETTLED,
        what="the report of the device",
    )
    clear_alert(fleet, HEALTHY, "Network")
    home_assistant.wait_for_states({key: "ok"})
