"""Bring the cards and the dashboard into Home Assistant's pages.

They come as a module that every page loads. A Lovelace resource would do as well, but
not in YAML mode, and it would be an entry of ours among the user's own.
"""

from hashlib import sha256
from pathlib import Path

from homeassistant.components import frontend
from homeassistant.components.http import StaticPathConfig
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

MODULE = Path(__file__).with_name("vesper.js")
DATA_URL: HassKey[str] = HassKey("vesper_frontend_url")


async def async_load(hass: HomeAssistant) -> None:
    """Let pages that are opened from now on load the module."""
    if (url := hass.data.get(DATA_URL)) is None:
        url = hass.data[DATA_URL] = await _async_serve(hass)
    frontend.add_extra_js_url(hass, url)


@callback
def async_remove(hass: HomeAssistant) -> None:
    """Let pages that are opened from now on do without the module."""
    if (url := hass.data.get(DATA_URL)) is not None:
        frontend.remove_extra_js_url(hass, url)


async def _async_serve(hass: HomeAssistant) -> str:
    """Serve the module, which can be done only once, and return where.

    Browsers keep it for a month, so another content has to have another path.
    """
    content = await hass.async_add_executor_job(MODULE.read_bytes)
    url = f"/vesper_frontend/{sha256(content).hexdigest()[:16]}/{MODULE.name}"
    await hass.http.async_register_static_paths([StaticPathConfig(url, str(MODULE))])
    return url
