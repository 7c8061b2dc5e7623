"""A repair issue says if no device is heard."""

from custom_components.vesper.const import DOMAIN
from custom_components.vesper.hub.prefix_check import CHECK_INTERVAL, ISSUE_NO_DEVICES
from homeassistant.helpers import issue_registry as ir
from tests.common import FLEET, Vesper

INTERVAL = CHECK_INTERVAL.total_seconds()


def _issue(vesper: Vesper) -> ir.IssueEntry | None:
    """Return the repair issue, if it is raised."""
    return ir.async_get(vesper.hass).async_get_issue(
        DOMAIN, f"{ISSUE_NO_DEVICES}/{FLEET}"
    )


async def test_nothing_is_heard(vesper: Vesper) -> None:
    """After ten minutes an issue names the prefix."""
    await vesper.advance(INTERVAL - 1)
    assert _issue(vesper) is None
    await vesper.advance(2)
    issue = _issue(vesper)
    assert issue is not None
    assert issue.translation_placeholders == {
        "prefix": "vesper",
        "topic": "vesper/+/status/#",
        "url": "/config/integrations/integration/vesper#config_entry=fleet",
    }
    await vesper.heartbeat(retain=True)
    assert _issue(vesper) is None
    await vesper.advance(3 * INTERVAL)
    assert _issue(vesper) is None


async def test_while_there_is_no_link(vesper: Vesper) -> None:
    """There is no issue without a link."""
    await vesper.disconnect_broker()
    await vesper.advance(INTERVAL + 1)
    assert _issue(vesper) is None
    await vesper.reconnect_broker()
    await vesper.advance(INTERVAL)
    assert _issue(vesper) is not None


async def test_known_devices(vesper: Vesper) -> None:
    """They may all be offline."""
    await vesper.heartbeat()
    await vesper.reload()
    await vesper.advance(INTERVAL + 1)
    assert _issue(vesper) is None


async def test_unload(vesper: Vesper) -> None:
    """An entry that is not loaded has no issue."""
    await vesper.advance(INTERVAL + 1)
    assert _issue(vesper) is not None
    await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    assert _issue(vesper) is None
