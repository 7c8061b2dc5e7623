"""Posts are counted and limited."""

from http import HTTPStatus
import logging
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_system_health_info,
)
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.vesper.const import CONF_HTTP_KEY, CONF_MAX_DEVICES, DOMAIN
from custom_components.vesper.hub.api_key import digest_of
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from tests.common import BELL, Vesper

KEY = "a key of the tests"

INVALID = {"device_id": BELL, "uptime": -1}
STRAY = {"uptime": 1}


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up no entities: the counters have none."""
    return []


@pytest.fixture(autouse=True)
async def pages(hass: HomeAssistant, caplog: pytest.LogCaptureFixture) -> None:
    """Set up what shows counters."""
    # The web server can't log with a clock that stands still.
    caplog.set_level(logging.WARNING, "aiohttp.access")
    for component in ("diagnostics", "system_health"):
        assert await async_setup_component(hass, component, {})


@pytest.fixture
def entry(entry: MockConfigEntry, hass: HomeAssistant) -> MockConfigEntry:
    """Enable posts, and limit the devices to two."""
    options = {CONF_HTTP_KEY: digest_of(KEY), CONF_MAX_DEVICES: 2}
    hass.config_entries.async_update_entry(entry, options=options)
    return entry


class Api:
    """Posts of a device, and what is counted."""

    def __init__(
        self,
        vesper: Vesper,
        device: TestClient[Any, Any],
        admin: ClientSessionGenerator,
    ) -> None:
        """Take a client, and what makes an admin's."""
        self._vesper = vesper
        self._device = device
        self._admin = admin

    async def post(self, **fields: Any) -> int:
        """Post a heartbeat and return the status."""
        headers = {"Authorization": f"Bearer {KEY}"}
        url = "/api/vesper/heartbeat"
        async with self._device.post(url, json=fields, headers=headers) as response:
            return response.status

    async def counters(self) -> Any:
        """Return the counters of the diagnostics."""
        diagnostics: Any = await get_diagnostics_for_config_entry(
            self._vesper.hass, self._admin, self._vesper.entry
        )
        return diagnostics["counters"]

    async def health(self) -> tuple[int, int]:
        """Return two counters of the system health."""
        info = await get_system_health_info(self._vesper.hass, DOMAIN)
        return info["messages_per_minute"], info["malformed"]


@pytest.fixture
async def api(
    vesper: Vesper,
    hass_client_no_auth: ClientSessionGenerator,
    hass_client: ClientSessionGenerator,
) -> Api:
    """Return the API."""
    return Api(vesper, await hass_client_no_auth(), hass_client)


async def test_posts_of_all_kinds(vesper: Vesper, api: Api) -> None:
    """Each is counted once, where it belongs."""
    for uptime in (3600, 3601, 3602):
        await vesper.advance(1)
        assert await api.post(device_id=BELL, uptime=uptime) == HTTPStatus.OK
    await vesper.heartbeat(uptime=3603)
    await vesper.advance(5)
    for uptime in (3603, 3500):  # replayed, and late
        assert await api.post(device_id=BELL, uptime=uptime) == HTTPStatus.OK
    assert await api.post(**INVALID) == HTTPStatus.BAD_REQUEST
    assert await api.post(**STRAY) == HTTPStatus.BAD_REQUEST
    assert await api.post(device_id="hall", uptime=1) == HTTPStatus.OK
    assert await api.post(device_id="tower", uptime=1) == (
        HTTPStatus.SERVICE_UNAVAILABLE
    )
    assert await api.counters() == {
        "live": 7,
        "retained": 0,
        "posts": 6,
        "late": 1,
        "replayed": 1,
        "per_minute": 7,
        "malformed": {"invalid": 1, "missing": 1},
        "dropped": {"rejected": 1, "no_device": 1, "retained": 0},
    }
    assert await api.health() == (7, 2)
    await vesper.advance(61)
    await api.post(device_id=BELL, uptime=3670)
    assert await api.health() == (7, 2)
    await vesper.advance(60)
    assert await api.health() == (1, 2)


@pytest.mark.parametrize(("wait", "status"), [(59, 429), (60, 400)])
async def test_invalid_posts_of_a_device(
    vesper: Vesper, api: Api, wait: int, status: int
) -> None:
    """Ten in a minute are counted, others refused."""
    await vesper.heartbeat(uptime=5)
    for _ in range(10):
        assert await api.post(**INVALID) == HTTPStatus.BAD_REQUEST
    for _ in range(3):
        assert await api.post(**INVALID) == HTTPStatus.TOO_MANY_REQUESTS
        assert await api.post(device_id=BELL, uptime=6) == HTTPStatus.TOO_MANY_REQUESTS
    counters = await api.counters()
    assert (counters["malformed"], counters["posts"]) == ({"invalid": 10}, 0)
    await vesper.advance(wait)
    assert await api.post(**INVALID) == status
    assert (await api.health())[1] == 10 + (status == HTTPStatus.BAD_REQUEST)


async def test_posts_and_messages_have_limits_of_their_own(
    vesper: Vesper, api: Api
) -> None:
    """Neither messages nor other devices count as posts."""
    for number in range(20):
        await vesper.heartbeat(uptime=3600 + number)
    for number in range(10):
        assert await api.post(device_id=BELL, uptime=3700 + number) == HTTPStatus.OK
        assert await api.post(device_id="hall", uptime=number) == HTTPStatus.OK
    for device_id in (BELL, "hall"):
        assert await api.post(device_id=device_id, uptime=3800) == (
            HTTPStatus.TOO_MANY_REQUESTS
        )
    # Of the address, the first post of a new device was the only one.
    for _ in range(9):
        assert await api.post(**STRAY) == HTTPStatus.BAD_REQUEST
    assert await api.post(**STRAY) == HTTPStatus.TOO_MANY_REQUESTS
    assert (await api.counters())["posts"] == 20
