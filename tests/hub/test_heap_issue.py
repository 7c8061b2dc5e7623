"""How many hours are left until memory runs out."""

import pytest

from custom_components.vesper.const import DOMAIN
from homeassistant.helpers import issue_registry as ir
from tests.common import Vesper


async def _hours(vesper: Vesper, *, seconds: int, before: int, after: int) -> list[str]:
    """Return the hours that issues name after a leak."""
    await vesper.heartbeat(uptime=0, heap_min_free=before)
    await vesper.advance(seconds)
    await vesper.heartbeat(uptime=seconds, heap_min_free=after)
    await vesper.advance(60)
    return [
        issue.translation_placeholders["hours"]
        for issue in ir.async_get(vesper.hass).issues.values()
        if issue.domain == DOMAIN
        and issue.translation_key == "heap_exhaustion"
        and issue.translation_placeholders
    ]


@pytest.mark.parametrize(
    ("after", "hours"), [(21_660, []), (21_600, []), (21_599, ["24"])]
)
async def test_less_than_a_day_is_left(
    vesper: Vesper, after: int, hours: list[str]
) -> None:
    """A whole day or more is not reported."""
    assert await _hours(vesper, seconds=4800, before=22_800, after=after) == hours


async def test_less_than_an_hour_is_left(vesper: Vesper) -> None:
    """It is reported as one."""
    assert await _hours(vesper, seconds=1800, before=90_000, after=10_000) == ["1"]
