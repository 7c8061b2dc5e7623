"""Cards and dashboard strategy, loaded on each page.

A dashboard resource would not work in YAML mode, and it would appear among those of the
user.
"""

from hashlib import sha256
from pathlib import Path

from homeassistant.components import frontend
from homeassistant.components.http import StaticPathConfig
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

FOLDER = Path(__file__).parent
ENTRY = "vesper.js"
OTHERS = ("more-info.js", "state-colors.js")
CARDS = "cards"

DATA_URL: HassKey[str] = HassKey("vesper_frontend_url")


async def async_load(hass: HomeAssistant) -> None:
    """Load the frontend on newly opened pages."""
    if (url := hass.data.get(DATA_URL)) is None:
        url = hass.data[DATA_URL] = await _async_serve(hass)
    frontend.add_extra_js_url(hass, url)


@callback
def async_remove(hass: HomeAssistant) -> None:
    """Stop loading the frontend on newly opened pages."""
    if (url := hass.data.get(DATA_URL)) is not None:
        frontend.remove_extra_js_url(hass, url)


async def _async_serve(hass: HomeAssistant) -> str:
    """Register the static paths and return the entry's URL.

    They can't be unregistered, so this is done once. Browsers cache files for a month,
    so the path contains a hash of all modules; a query would not be passed on to
    relative imports. All are served separately, because their folder also contains
    Python.
    """
    digest = await hass.async_add_executor_job(_hash_modules, FOLDER)
    base = f"/vesper_frontend/{digest}"
    await hass.http.async_register_static_paths(
        [
            StaticPathConfig(f"{base}/{name}", str(FOLDER / name))
            for name in (ENTRY, *OTHERS, CARDS)
        ]
    )
    return f"{base}/{ENTRY}"


def _hash_modules(folder: Path) -> str:
    """Return a hash of all modules."""
    digest = sha256()
    for path in (*sorted(folder.glob("*.js")), *sorted((folder / CARDS).glob("*.js"))):
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
