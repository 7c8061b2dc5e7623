"""The blueprint for offline devices, in fleet outages."""

import pytest

from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr
from tests.automation import devices, registered_id
from tests.common import BELL, FLEET, Vesper, logged, report, wait

from .common import Notifications, use

pytestmark = pytest.mark.usefixtures("as_installed", "waiting_runs")

BELLS = [f"bell-{number}" for number in range(12)]
LOST = (
    "Vesper: 12 devices are offline",
    "They went offline together. 12 were online before.",
)


@pytest.fixture
async def notifications(hass: HomeAssistant, vesper: Vesper) -> Notifications:
    """Return the notifications, for all devices."""
    await report(vesper, *BELLS)
    return await use(
        hass, "device_offline", devices={"device_id": [registered_id(hass, FLEET)]}
    )


async def test_all_silent_at_once(vesper: Vesper, notifications: Notifications) -> None:
    """Twelve devices have two notifications."""
    await wait(vesper, 3600)
    assert notifications.take() == [LOST]
    await report(vesper, *BELLS)
    await wait(vesper, 300, *BELLS)
    assert notifications.take() == [
        (
            "Vesper: the outage is over",
            "It lasted 58 minutes. No device is still offline, except in maintenance.",
        )
    ]


async def test_some_are_still_missing(
    vesper: Vesper, notifications: Notifications
) -> None:
    """They are named, and reported once back."""
    await wait(vesper, 600)
    assert notifications.take() == [LOST]
    await wait(vesper, 300, *BELLS[2:])
    assert notifications.take() == [
        (
            "Vesper: the outage is over",
            "It lasted 9 minutes. Still offline: `Vesper bell-0`, `Vesper bell-1`",
        )
    ]
    await wait(vesper, 600, *BELLS[1:])
    assert notifications.take() == [
        ("Vesper bell-1 is online again", "It sends messages again.")
    ]


async def test_many_are_still_missing(hass: HomeAssistant, vesper: Vesper) -> None:
    """Some are named, and the others counted."""
    many = [f"bell-{number:03}" for number in range(120)]
    await report(vesper, *many)
    notifications = await use(hass, "device_offline", devices=devices(hass, many))
    await wait(vesper, 600)
    notifications.take()
    await wait(vesper, 150, *many[60:])
    ((_, message),) = notifications.take()
    assert message.endswith("`Vesper bell-048`, `Vesper bell-049` and 10 more")


async def test_a_short_outage(vesper: Vesper, notifications: Notifications) -> None:
    """Only those that stay offline are reported."""
    await wait(vesper, 180)
    await wait(vesper, 600, *BELLS[1:])
    assert [title for title, _ in notifications.take()] == ["Vesper bell-0 is offline"]
    await report(vesper, *BELLS)
    assert [title for title, _ in notifications.take()] == [
        "Vesper bell-0 is online again"
    ]


async def test_where_they_are(
    hass: HomeAssistant, vesper: Vesper, notifications: Notifications
) -> None:
    """The notification names the area."""
    area = ar.async_get(hass).async_create("Tower")
    for device_id in BELLS:
        dr.async_get(hass).async_update_device(
            registered_id(hass, device_id), area_id=area.id
        )
    await wait(vesper, 600)
    ((_, message),) = notifications.take()
    assert message == (
        "They went offline together, all in Tower. 12 were online before."
    )


async def test_alone_during_an_outage(
    hass: HomeAssistant, vesper: Vesper, notifications: Notifications
) -> None:
    """A device that goes offline later is reported singly."""
    await vesper.heartbeat(BELL)
    await wait(vesper, 600, BELL)
    assert [title for title, _ in notifications.take()] == [
        "Vesper: 12 devices are offline"
    ]
    await wait(vesper, 600)
    assert [title for title, _ in notifications.take()] == ["Vesper bell is offline"]


async def test_over_after_a_restart(
    vesper: Vesper, notifications: Notifications
) -> None:
    """What was reported before is reported to be over."""
    await wait(vesper, 600)
    assert notifications.take() == [LOST]
    await vesper.reload()
    await wait(vesper, 300)
    assert notifications.take() == []
    await wait(vesper, 300, *BELLS[1:])
    assert notifications.take() == [
        (
            "Vesper: the outage is over",
            "It lasted 14 minutes. Still offline: `Vesper bell-0`",
        )
    ]
    await vesper.reload()
    await wait(vesper, 300, *BELLS[1:])
    await wait(vesper, 300, *BELLS)
    assert notifications.take() == [
        ("Vesper bell-0 is online again", "It sends messages again.")
    ]


async def test_silent_before_a_restart(
    vesper: Vesper, notifications: Notifications
) -> None:
    """A power cut of both is one outage."""
    await vesper.advance(30)
    await vesper.reload()
    await wait(vesper, 600)
    assert notifications.take() == [LOST]
    await report(vesper, *BELLS)
    await wait(vesper, 60, *BELLS)
    assert [title for title, _ in notifications.take()] == [
        "Vesper: the outage is over"
    ]


async def test_an_outage_that_does_not_end(
    vesper: Vesper, notifications: Notifications
) -> None:
    """What happens to the others is reported."""
    await wait(vesper, 600)
    assert notifications.take() == [LOST]
    await wait(vesper, 3600, *BELLS[7:])
    assert notifications.take() == []
    await wait(vesper, 600, *BELLS[8:])
    assert [title for title, _ in notifications.take()] == ["Vesper bell-7 is offline"]
    await wait(vesper, 300, *BELLS[7:])
    assert [title for title, _ in notifications.take()] == [
        "Vesper bell-7 is online again"
    ]
    await wait(vesper, 600)
    assert notifications.take() == [LOST]


async def test_back_right_before_the_time_is_over(
    vesper: Vesper, notifications: Notifications
) -> None:
    """An outage about to end is not reported."""
    await wait(vesper, 330)
    await wait(vesper, 300, *BELLS[1:])
    assert [title for title, _ in notifications.take()] == ["Vesper bell-0 is offline"]
    await wait(vesper, 300, *BELLS)
    assert [title for title, _ in notifications.take()] == [
        "Vesper bell-0 is online again"
    ]


@pytest.mark.parametrize("action", ["maintenance", "disable", "remove"])
async def test_lost_devices_that_no_longer_count(
    hass: HomeAssistant, vesper: Vesper, notifications: Notifications, action: str
) -> None:
    """Their return is not reported."""
    await wait(vesper, 600)
    assert notifications.take() == [LOST]
    target = devices(hass, BELLS)
    match action:
        case "maintenance":
            await vesper.call("vesper.set_maintenance", **target, duration={"hours": 1})
        case "disable":
            for device_id in target["device_id"]:
                dr.async_get(hass).async_update_device(
                    device_id, disabled_by=dr.DeviceEntryDisabler.USER
                )
        case "remove":
            vesper.mqtt.async_publish.side_effect = None
            for device_id in BELLS:
                await vesper.hub.async_remove_device(device_id)
    await wait(vesper, 60)
    ((title, message),) = notifications.take()
    assert title == "Vesper: the outage is over"
    assert message.endswith(" No device is still offline, except in maintenance.")
    if action == "maintenance":
        await vesper.call("vesper.set_maintenance", **target, duration={"hours": 0})
        await wait(vesper, 300, *BELLS)
        assert notifications.take() == []


# Offline when maintenance ends


async def set_maintenance(vesper: Vesper, *device_ids: str, minutes: int) -> None:
    """Begin or end the maintenance of devices."""
    target = devices(vesper.hass, device_ids)
    await vesper.call("vesper.set_maintenance", **target, duration={"minutes": minutes})


@pytest.mark.parametrize("ended_by", ["time", "user", "restart"])
async def test_silent_in_maintenance(
    vesper: Vesper, notifications: Notifications, ended_by: str
) -> None:
    """When it ends, they are reported together."""
    await set_maintenance(vesper, *BELLS, minutes=60)
    await wait(vesper, 3000)
    if ended_by == "user":
        await set_maintenance(vesper, *BELLS, minutes=0)
    elif ended_by == "restart":
        await vesper.reload()
    assert notifications.take() == []
    await wait(vesper, 600)
    assert notifications.take() == ([LOST] if ended_by == "user" else [])
    await wait(vesper, 600)
    assert notifications.take() == ([] if ended_by == "user" else [LOST])
    await wait(vesper, 600)
    await wait(vesper, 300, *BELLS)
    ((title, message),) = notifications.take()
    assert title == "Vesper: the outage is over"
    assert message.endswith(" No device is still offline, except in maintenance.")
    await wait(vesper, 300, *BELLS)
    assert notifications.take() == []


async def test_back_right_after_maintenance(
    vesper: Vesper, notifications: Notifications
) -> None:
    """An outage that is over soon is not reported."""
    await set_maintenance(vesper, *BELLS, minutes=60)
    await wait(vesper, 3660)
    await wait(vesper, 600, *BELLS)
    assert notifications.take() == []


async def test_maintenance_that_ends_at_different_times(
    vesper: Vesper, notifications: Notifications
) -> None:
    """Each device is reported singly."""
    for number, device_id in enumerate(BELLS[:3]):
        await set_maintenance(vesper, device_id, minutes=20 + 2 * number)
    await wait(vesper, 1860, *BELLS[3:])
    titles = sorted(title for title, _ in notifications.take())
    assert titles == [f"Vesper bell-{number} is offline" for number in range(3)]


async def test_few_are_silent_when_maintenance_ends(
    vesper: Vesper, notifications: Notifications
) -> None:
    """The others were in maintenance too, but are online."""
    await set_maintenance(vesper, *BELLS, minutes=20)
    await wait(vesper, 1200, *BELLS[4:])
    await wait(vesper, 600, *BELLS[4:])
    titles = sorted(title for title, _ in notifications.take())
    assert titles == [f"Vesper bell-{number} is offline" for number in range(4)]


async def test_the_log_of_maintenance_that_ends(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A device that is offline is logged once."""
    await report(vesper, *BELLS)
    await set_maintenance(vesper, BELLS[0], minutes=20)
    await wait(vesper, 300, *BELLS[1:])
    line = "Device bell-0 is offline: no message in time"
    assert line in logged(caplog)
    caplog.clear()
    await set_maintenance(vesper, BELLS[0], minutes=0)
    await wait(vesper, 300, *BELLS[1:])
    assert logged(caplog) == []
