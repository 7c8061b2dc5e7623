"""Compare a month of a fleet with its script.

Everything happens at the half hours, when the devices also send their heartbeats. So
the expected figures are counts of half hours.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
import logging
import random
from typing import Any

import orjson
import pytest
from pytest_homeassistant_custom_component.common import (
    CLIENT_ID,
    MockUser,
    async_fire_mqtt_message,
)
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    WebSocketGenerator,
)

from custom_components.vesper.const import CONF_HEARTBEAT_TIMEOUT
from homeassistant.helpers import device_registry as dr
from tests.automation import devices, registered_id
from tests.common import FLEET, Vesper

#: In seconds.
STEP = 1800
DAY = 86_400 // STEP
END = 30 * DAY

START = datetime(2030, 1, 1, tzinfo=UTC)

IDS = [f"bell-{number:02}" for number in range(30)]

#: When Home Assistant did not run, and when it had no broker: first and last half hour.
STOPPED = ((9 * DAY + 4, 9 * DAY + 10), (24 * DAY + 20, 24 * DAY + 21))
DISCONNECTED = ((17 * DAY, 17 * DAY + 30),)

#: When most devices were silent.
FLEET_OUTAGE = (20 * DAY + 6, 20 * DAY + 12)

type Times = list[tuple[int, int]]


@dataclass
class Bell:
    """What happens to a device, in half hours."""

    silent: Times = field(default_factory=list)
    """When it sends no heartbeat."""
    outages: list[tuple[int, int, str]] = field(default_factory=list)
    """What follows from that: start, end and cause."""
    maintenance: Times = field(default_factory=list)
    disabled: Times = field(default_factory=list)
    restarts: list[tuple[int, int]] = field(default_factory=list)
    """When, and the code of the reason."""

    def goes_away(self, first: int, back: int, cause: str = "device") -> None:
        """Let it be silent, in an outage."""
        self.silent.append((first, back))
        self.outages.append((first - 1, back, cause))

    def is_silent(self, now: int) -> bool:
        """Return whether it sends no heartbeat."""
        return any(first <= now < back for first, back in self.silent)


def script() -> dict[str, Bell]:
    """Return what happens to each device."""
    rng = random.Random(2030)  # noqa: S311  # no secret is drawn
    bells = {device_id: Bell() for device_id in IDS}
    # What happens to all of them is on other days.
    calm = [2, 4, 6, 8, 11, 13, 15, 19, 22, 23, 26, 28]
    for number, bell in enumerate(bells.values()):
        for day in sorted(rng.sample(calm, number % 5)):
            first = day * DAY + rng.randrange(2, 20)
            bell.goes_away(first, first + rng.randrange(3, 20))
        for day in rng.sample(range(1, 30), number % 4):
            bell.restarts.append((day * DAY + 40, rng.choice((1, 4, 9))))
        bell.restarts.sort()
        if number < 20:
            bell.goes_away(*FLEET_OUTAGE, "fleet_outage")
    worked_on, late, unplugged, stopped, long_gone, switched_off = (
        bells[IDS[number]] for number in range(20, 26)
    )
    for bell in (worked_on, late, unplugged, stopped, long_gone, switched_off):
        bell.silent.clear()
        bell.outages.clear()
    # It is away in maintenance only.
    worked_on.maintenance.append((5 * DAY, 5 * DAY + 12))
    worked_on.silent.append((5 * DAY + 2, 5 * DAY + 11))
    # It comes back after the maintenance.
    late.maintenance.append((7 * DAY, 7 * DAY + 8))
    late.silent.append((7 * DAY + 2, 7 * DAY + 20))
    late.outages.append((7 * DAY + 8, 7 * DAY + 20, "unknown"))
    # It is away when the link to the broker is up again.
    (_, link_up), *_ = DISCONNECTED
    unplugged.silent.append((link_up - 4, link_up + 9))
    unplugged.outages.append((link_up, link_up + 9, "unknown"))
    # It goes away while Home Assistant does not run.
    (_, started), *_ = STOPPED
    stopped.silent.append((started - 3, started + 15))
    stopped.outages.append((started, started + 15, "unknown"))
    # It is away over a restart of Home Assistant.
    long_gone.goes_away(started - 20, started + 40)
    # It is disabled, and away meanwhile.
    switched_off.disabled.append((12 * DAY, 14 * DAY))
    switched_off.silent.append((12 * DAY + 5, 14 * DAY - 3))
    for bell in bells.values():
        bell.outages.sort()
    return bells


class Month:
    """Let a month pass."""

    def __init__(self, vesper: Vesper) -> None:
        """Set the script."""
        self.vesper = vesper
        self.bells = script()
        self.booted = dict.fromkeys(IDS, -100)

    async def run(self) -> None:
        """Run all half hours."""
        for now in range(END):
            await self.change_all(now)
            await self.change_devices(now)
            for device_id, bell in self.bells.items():
                self.send_heartbeat(device_id, bell, now)
            await self.vesper.hass.async_block_till_done()
            await self.vesper.advance(STEP)

    async def change_all(self, now: int) -> None:
        """Stop and start Home Assistant and the broker."""
        hass = self.vesper.hass
        for first, over in STOPPED:
            if now == first:
                assert await hass.config_entries.async_unload(FLEET)
            elif now == over:
                assert await hass.config_entries.async_setup(FLEET)
                await hass.async_block_till_done()
        for first, over in DISCONNECTED:
            if now == first:
                await self.vesper.disconnect_broker()
            elif now == over:
                await self.vesper.reconnect_broker()

    async def change_devices(self, now: int) -> None:
        """Begin and end maintenance, disable and enable devices."""
        hass = self.vesper.hass
        for device_id, bell in self.bells.items():
            for first, over in bell.maintenance:
                if now in (first, over):
                    hours = (over - now) * STEP / 3600
                    await self.vesper.call(
                        "vesper.set_maintenance",
                        **devices(hass, [device_id]),
                        # It is ended by hand, before it ends by itself.
                        duration={"hours": hours + bool(hours)},
                    )
            for first, over in bell.disabled:
                if now in (first, over):
                    await self.set_disabled(device_id, disabled=now == first)

    async def set_disabled(self, device_id: str, *, disabled: bool) -> None:
        """Disable or enable a device."""
        dr.async_get(self.vesper.hass).async_update_device(
            registered_id(self.vesper.hass, device_id),
            disabled_by=dr.DeviceEntryDisabler.USER if disabled else None,
        )
        await self.vesper.hass.async_block_till_done()

    def send_heartbeat(self, device_id: str, bell: Bell, now: int) -> None:
        """Let a device send its heartbeat."""
        reason = {}
        for at, code in bell.restarts:
            if at == now:
                self.booted[device_id] = now
                reason = {"reset_reason": code}
        if bell.is_silent(now) or any(
            first <= now < over for first, over in (*STOPPED, *DISCONNECTED)
        ):
            return
        uptime = 1 + STEP * (now - self.booted[device_id])
        payload = {"uptime": uptime} | reason
        async_fire_mqtt_message(
            self.vesper.hass,
            f"vesper/{device_id}/status/heartbeat",
            orjson.dumps(payload),
        )


def expected(bell: Bell) -> dict[str, Any]:
    """Return what the script implies, without restarts."""
    unobserved = {
        now
        for first, over in (*STOPPED, *DISCONNECTED, *bell.maintenance, *bell.disabled)
        for now in range(first, over)
    }
    offline = {now for start, end, _ in bell.outages for now in range(start, end)}
    answer: dict[str, Any] = defaultdict(dict)
    for name, length in (("day", DAY), ("week", 7 * DAY), ("month", END)):
        window = set(range(END - length, END))
        observed = window - unobserved
        online = observed - offline
        answer["availability"][name] = round(100 * len(online) / len(observed), 2)
        answer["observed"][name] = STEP * len(observed)
        answer["outages"][name] = sum(start in window for start, _, _ in bell.outages)
        answer["restarts"][name] = sum(at in window for at, _ in bell.restarts)
    month = set(range(END)) - unobserved
    count = len(bell.outages)
    answer["mean_time_between_outages"] = (
        round(STEP * len(month - offline) / count) if count else None
    )
    answer["mean_time_to_recover"] = (
        round(STEP * len(month & offline) / count) if count else None
    )
    return dict(answer)


def iso(now: int) -> str:
    """Return the time of a half hour."""
    return datetime.fromtimestamp(START.timestamp() + STEP * now, UTC).isoformat()


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_a_month(
    vesper: Vesper,
    hass_client: ClientSessionGenerator,
    hass_ws_client: WebSocketGenerator,
    hass_admin_user: MockUser,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All doors show exactly what the script implies."""
    # It can't log with the time frozen.
    caplog.set_level(logging.WARNING, "aiohttp.access")
    hass = vesper.hass
    vesper.freezer.move_to(START)
    hass.config_entries.async_update_entry(
        vesper.entry, options={CONF_HEARTBEAT_TIMEOUT: 3600}
    )
    await vesper.reload()
    month = Month(vesper)
    await month.run()

    refresh = await hass.auth.async_create_refresh_token(hass_admin_user, CLIENT_ID)
    token = hass.auth.async_create_access_token(refresh)
    http, socket = await hass_client(token), await hass_ws_client(hass, token)
    await socket.send_json_auto_id({"type": "vesper/insight"})
    insight = (await socket.receive_json())["result"]["devices"]
    assert len(insight) == len(IDS)
    reasons = {1: "power_on", 4: "panic", 9: "brown_out"}
    for device_id, bell in month.bells.items():
        response = await http.get(f"/api/vesper/devices/{device_id}/availability")
        answer = await response.json()
        wanted = expected(bell)
        assert {name: answer[name] for name in wanted} == wanted, device_id
        assert answer["last_outages"] == [
            {"start": iso(start), "end": iso(end), "cause": cause}
            for start, end, cause in reversed(bell.outages)
        ]
        assert answer["last_restarts"] == [
            {"time": iso(at), "reason": reasons[code]}
            for at, code in reversed(bell.restarts)
        ]
        by_socket = insight[registered_id(hass, device_id)]
        assert {name: by_socket[name] for name in wanted} == wanted
        assert by_socket["last_outages"] == answer["last_outages"][:3]
        shown = vesper.state("availability", device_id)
        assert float(shown.state) == wanted["availability"]["month"]
        assert shown.attributes["day"] == wanted["availability"]["day"]
        assert shown.attributes["week"] == wanted["availability"]["week"]
        assert vesper.value("restarts", device_id) == str(len(bell.restarts))
    observed = sum(expected(bell)["observed"]["month"] for bell in month.bells.values())
    online = sum(
        expected(bell)["mean_time_between_outages"] * len(bell.outages)
        if bell.outages
        else expected(bell)["observed"]["month"]
        for bell in month.bells.values()
    )
    assert float(vesper.value("fleet_availability", FLEET)) == pytest.approx(
        100 * online / observed, abs=0.005
    )
