"""The counts of a fleet match its devices."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.device import Device
from custom_components.vesper.model.fleet import Fleet
from custom_components.vesper.protocol.severity import Severity
from tests.strategies import Step, alert, heartbeat, steps

DEVICES = ["chapel", "hall", "tower"]


@pytest.fixture
def device() -> Device:
    """Return a device without messages."""
    return Device(device_id="chapel")


def test_an_empty_fleet_is_well() -> None:
    """All counts are 0 and the health is ok."""
    fleet = Fleet()
    assert (fleet.devices, fleet.online, fleet.with_alerts) == (0, 0, 0)
    assert fleet.severity is Severity.OK


def test_a_device_counts_before_its_first_message(device: Device) -> None:
    """It counts as a device, not as online."""
    fleet = Fleet()
    assert fleet.update(device)
    assert (fleet.devices, fleet.online, fleet.with_alerts) == (1, 0, 0)


def test_a_device_counts_as_online_with_a_message(device: Device) -> None:
    """A live heartbeat changes what the fleet shows."""
    fleet = Fleet()
    fleet.update(device)
    device.apply(heartbeat(), live=True, now=0.0)
    assert fleet.update(device)
    assert fleet.online == 1


def test_a_device_counts_as_offline_after_a_timeout(device: Device) -> None:
    """A device that is offline stays in the fleet."""
    fleet = Fleet()
    device.apply(heartbeat(), live=True, now=0.0)
    fleet.update(device)
    device.mark_offline(0)
    assert fleet.update(device)
    assert (fleet.devices, fleet.online) == (1, 0)


def test_a_device_in_maintenance_counts_as_well(device: Device) -> None:
    """It is online, but not monitored for outages."""
    fleet = Fleet()
    device.apply(alert("FileManager", "FAILED"), live=True, now=0.0)
    device.set_maintenance(until=60.0)
    fleet.update(device)
    assert (fleet.devices, fleet.online, fleet.with_alerts) == (1, 1, 0)
    assert fleet.online_in_use == 0
    assert fleet.severity is Severity.OK
    device.set_maintenance(until=None)
    assert fleet.update(device)
    assert (fleet.online_in_use, fleet.with_alerts) == (1, 1)


def test_two_alerts_of_a_device_count_once(device: Device) -> None:
    """Devices with alerts are counted, not their alerts."""
    fleet = Fleet()
    device.apply(alert("FileManager", "WARNING"), live=True, now=0.0)
    device.apply(alert("TimeKeeper", "FAILED"), live=True, now=0.0)
    fleet.update(device)
    assert fleet.with_alerts == 1
    assert fleet.severity is Severity.FAILED


def test_the_fleet_is_as_bad_as_its_worst_device(device: Device) -> None:
    """Its health follows the worst remaining device."""
    fleet = Fleet()
    other = Device(device_id="hall")
    device.apply(alert("FileManager", "CRITICAL"), live=True, now=0.0)
    other.apply(alert("FileManager", "WARNING"), live=True, now=0.0)
    fleet.update(device)
    fleet.update(other)
    worst_of_both = fleet.severity
    device.apply(alert("FileManager", "CLEARED"), live=True, now=0.0)
    fleet.update(device)
    assert worst_of_both is Severity.CRITICAL
    assert fleet.severity is Severity.WARNING


def test_what_changes_no_sum_is_no_change(device: Device) -> None:
    """A second alert that is no worse changes nothing."""
    fleet = Fleet()
    device.apply(alert("FileManager", "WARNING"), live=True, now=0.0)
    fleet.update(device)
    device.apply(alert("TimeKeeper", "WARNING"), live=True, now=0.0)
    assert not fleet.update(device)


def test_a_removed_device_counts_no_longer(device: Device) -> None:
    """Removing it twice changes nothing more."""
    fleet = Fleet()
    device.apply(alert("FileManager", "FAILED"), live=True, now=0.0)
    fleet.update(device)
    fleet.discard("chapel")
    fleet.discard("chapel")
    assert (fleet.devices, fleet.online, fleet.with_alerts) == (0, 0, 0)
    assert fleet.severity is Severity.OK


@given(st.lists(st.tuples(st.sampled_from(DEVICES), steps | st.none()), max_size=40))
def test_the_sums_equal_a_recount(life: list[tuple[str, Step | None]]) -> None:
    """The counts match after any steps and removals."""
    fleet = Fleet()
    devices: dict[str, Device] = {}
    for now, (device_id, step) in enumerate(life):
        if step is None:
            devices.pop(device_id, None)
            fleet.discard(device_id)
        else:
            is_new = device_id not in devices
            device = devices.setdefault(device_id, Device(device_id=device_id))
            before = (device.online, device.alerts.severity)
            step.apply(device, now)
            after = (device.online, device.alerts.severity)
            assert fleet.update(device) is (is_new or before != after)
        assert fleet.devices == len(devices)
        assert fleet.online == sum(device.online is True for device in devices.values())
        assert fleet.with_alerts == sum(
            bool(device.alerts.active) for device in devices.values()
        )
        assert fleet.severity is max(
            (device.alerts.severity for device in devices.values()), default=Severity.OK
        )
