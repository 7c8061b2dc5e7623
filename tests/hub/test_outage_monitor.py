"""Many devices lost at once are one outage."""

from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
)

from custom_components.vesper.const import EVENT_OCCURRENCE
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
)
from homeassistant.util import dt as dt_util
from tests.automation import automate, described, registered_id
from tests.common import FLEET, Vesper, logged, report

from .outages import OVER, STARTED, bells, last_event, lose


async def test_an_outage_from_beginning_to_end(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Start and end have one event and line each."""
    await report(vesper, *bells(10))
    await vesper.advance(60)
    await report(vesper, *bells(2))
    caplog.clear()
    await vesper.advance(31)
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 8,
        "online_before": 10,
    }
    since = vesper.state("outage", FLEET).attributes["since"]
    assert since == dt_util.utcnow().replace(microsecond=0)
    assert logged(caplog) == [STARTED.format(8, 10)]
    assert [one.levelname for one in caplog.records if one.name[:6] == "custom"] == [
        "WARNING"
    ]
    for _ in range(4):
        await report(vesper, *bells(5))
        await vesper.advance(60)
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 8,
        "online_before": 10,
    }
    await report(vesper, "bell-9")
    for _ in range(2):
        await vesper.advance(44)
        await report(vesper, *bells(5), "bell-9")
        assert len(logged(caplog)) == 1
    await vesper.advance(3)
    over = {
        "event_type": "ended",
        "lost": 8,
        "online_before": 10,
        "duration": 240,
        "still_offline": 4,
    }
    assert last_event(vesper) == over
    assert logged(caplog) == [STARTED.format(8, 10), OVER.format(240, 4, 8)]
    await report(vesper, *bells(10))
    await vesper.advance(60)
    assert last_event(vesper) == over
    assert len(logged(caplog)) == 2


async def test_all_at_once_are_counted(vesper: Vesper) -> None:
    """All are counted, even if notified in several chunks."""
    await report(vesper, *bells(20))
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        await vesper.advance(91)
        for _ in range(20):
            await vesper.hass.async_block_till_done()
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 20,
        "online_before": 20,
    }


async def test_one_after_the_other(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Devices that time out later belong to one outage."""
    for device_id in bells(5):
        await report(vesper, device_id)
        await vesper.advance(10)
    caplog.clear()
    await vesper.advance(40)
    assert last_event(vesper) is None
    await vesper.advance(10)
    assert last_event(vesper) is None
    await vesper.advance(11)
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 3,
        "online_before": 5,
    }
    await vesper.advance(20)
    await vesper.advance(1000)
    assert logged(caplog) == [STARTED.format(3, 5)]
    await report(vesper, *bells(5))
    await vesper.advance(0)
    over = last_event(vesper)
    assert over is not None
    assert (over["event_type"], over["lost"]) == ("ended", 5)


@pytest.mark.parametrize(("online", "lost"), [(2, 2), (6, 3), (10, 1)])
async def test_few_offline_devices_are_logged_separately(
    vesper: Vesper, caplog: pytest.LogCaptureFixture, online: int, lost: int
) -> None:
    """Each is logged when it can't be an outage."""
    await report(vesper, *bells(online))
    await vesper.advance(60)
    await report(vesper, *bells(online)[lost:])
    caplog.clear()
    await vesper.advance(31)
    assert vesper.value("devices_online", FLEET) == str(online - lost)
    for _ in range(2):
        await report(vesper, *bells(online)[lost:])
        await vesper.advance(44)
    assert logged(caplog) == []
    await report(vesper, *bells(online)[lost:])
    await vesper.advance(3)
    assert logged(caplog) == [
        f"Device {device_id} is offline: no message in time"
        for device_id in bells(lost)
    ]
    assert last_event(vesper) is None
    caplog.clear()
    await report(vesper, *bells(online))
    assert logged(caplog) == [
        f"Device {device_id} is online again" for device_id in bells(lost)
    ]


async def test_one_that_is_soon_back(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A short time offline is not logged."""
    await report(vesper, "bell")
    caplog.clear()
    await vesper.advance(91)
    assert vesper.value("connectivity") == "off"
    await report(vesper, "bell")
    await vesper.advance(60)
    await report(vesper, "bell")
    await vesper.advance(60)
    assert logged(caplog) == []


async def test_no_line_of_a_single_device_while_it_lasts(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Single devices are logged after the outage."""
    await report(vesper, "old", *bells(9))
    await vesper.advance(60)
    await report(vesper, *bells(9))
    await vesper.advance(31)
    await vesper.advance(29)
    await report(vesper, *bells(9))
    await vesper.advance(61)
    assert logged(caplog)[-1] == "Device old is offline: no message in time"
    await report(vesper, *bells(3))
    caplog.clear()
    await vesper.advance(30)
    await report(vesper, "old", *bells(3))
    await vesper.advance(60)
    for _ in range(3):
        await report(vesper, "old", *bells(2))
        await vesper.advance(60)
    assert vesper.value("connectivity", "old") == "on"
    assert vesper.value("connectivity", "bell-2") == "off"
    assert logged(caplog) == [STARTED.format(6, 9)]
    await report(vesper, *bells(6)[3:])
    await vesper.advance(60)
    await report(vesper, "old", *bells(6)[3:], *bells(2))
    assert len(logged(caplog)) == 1
    await vesper.advance(31)
    assert logged(caplog)[1:] == [
        OVER.format(240, 3, 6),
        "Device bell-2 is offline: no message in time",
    ]


async def test_a_disconnect_is_no_outage(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Devices that stay offline after the reconnect are one."""
    await report(vesper, *bells(10))
    caplog.clear()
    await vesper.disconnect_broker()
    await vesper.advance(3600)
    assert last_event(vesper) is None
    await vesper.reconnect_broker()
    await vesper.advance(60)
    await report(vesper, *bells(4))
    await vesper.advance(31)
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 6,
        "online_before": 10,
    }
    assert logged(caplog) == [
        "The link to the MQTT broker is down",
        "The link to the MQTT broker is up again",
        STARTED.format(6, 10),
    ]


async def test_offline_is_logged_once(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A reconnect does not log it again."""
    await report(vesper, "bell")
    await vesper.advance(91)
    await vesper.advance(91)
    caplog.clear()
    await vesper.disconnect_broker()
    await vesper.reconnect_broker()
    await vesper.advance(1000)
    assert [line for line in logged(caplog) if "offline" in line] == []


async def test_devices_that_time_out_a_little_later(vesper: Vesper) -> None:
    """The start names no place if they are elsewhere."""
    for name, ids in (("North", bells(5)), ("South", ["bell-5", "bell-6"])):
        area = ar.async_get(vesper.hass).async_create(name)
        await report(vesper, *ids)
        for device_id in ids:
            dr.async_get(vesper.hass).async_update_device(
                registered_id(vesper.hass, device_id), area_id=area.id
            )
        await vesper.advance(20)
    await vesper.advance(51)
    state = vesper.state("outage", FLEET)
    assert (state.attributes["event_type"], state.attributes["lost"]) == ("started", 5)
    assert "area" not in state.attributes


async def test_the_logbook_of_an_outage(vesper: Vesper) -> None:
    """Its end is a sentence too."""
    events = async_capture_events(vesper.hass, EVENT_OCCURRENCE)
    await report(vesper, *bells(4))
    for back in (4, 3):
        await vesper.advance(91)
        events.clear()
        await report(vesper, *bells(back))
        await vesper.advance(60)
        await report(vesper, *bells(back))
        await vesper.advance(31)
        lines = [
            line
            for line in described(vesper.hass, events)
            if line["name"] == "All Vesper devices"
        ]
        end = {
            4: ("outage over; all lost devices are back", "mdi:lan-check"),
            3: (
                "outage over; lost devices still offline: 1 of 4",
                "mdi:lan-pending",
            ),
        }[back]
        assert [(line["message"], line["icon"]) for line in lines] == [end]
        await report(vesper, *bells(4))


async def test_names_of_those_still_offline(vesper: Vesper) -> None:
    """The first are listed, in order."""
    await lose(vesper, 8)
    ended = await automate(vesper.hass, "fleet_outage_ended")
    with patch("custom_components.vesper.hub.outage_monitor.MAX_NAMES", 3):
        for _ in range(3):
            await report(vesper, *bells(4))
            await vesper.advance(46)
    (run,) = ended.take()
    assert run["still_offline"] == 4
    assert run["still_offline_names"] == tuple(
        f"Vesper {device_id}" for device_id in bells(7)[4:]
    )
