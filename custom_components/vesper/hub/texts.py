"""Texts in the language of Home Assistant."""

from collections.abc import Mapping

from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.translation import (
    LOCALE_EN,
    async_get_cached_translations,
    async_load_integrations,
)

from ..const import DOMAIN


@callback
def async_setup_texts(hass: HomeAssistant) -> None:
    """Load the texts when the language is changed."""

    async def _async_load(_event: Event[Mapping[str, object]]) -> None:
        """Load the texts, unless they are loaded."""
        await async_load_texts(hass)

    # Home Assistant itself loads them into a cache that nothing reads.
    hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, _async_load)


async def async_load_texts(hass: HomeAssistant) -> None:
    """Load the texts, unless they are loaded."""
    await async_load_integrations(hass, {DOMAIN})


@callback
def async_text(hass: HomeAssistant, key: str) -> str:
    """Return a text in the language of Home Assistant.

    While that is not loaded, such as right after it was changed, the English one. A
    text that there is none of is its key.
    """
    category = key.partition(".")[0]
    full_key = f"component.{DOMAIN}.{key}"
    language = hass.config.language
    texts = async_get_cached_translations(hass, language, category, DOMAIN)
    if text := texts.get(full_key):
        return text
    texts = async_get_cached_translations(hass, LOCALE_EN, category, DOMAIN)
    return texts.get(full_key, key)
