"""What happens while Home Assistant starts."""

from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.vesper.const import EVENT_OCCURRENCE
from custom_components.vesper.hub.occurrences import Occurrences
from custom_components.vesper.model.occurrence import Occurrence, OccurrenceKind
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant
from tests.common import BELL, FLEET


async def test_the_newest_are_held(hass: HomeAssistant) -> None:
    """The last 10,000 are published after the start."""
    occurrence = Occurrence(kind=OccurrenceKind.RESTARTED, device_id=BELL)
    events = async_capture_events(hass, EVENT_OCCURRENCE)
    occurrences = Occurrences(hass, FLEET)
    numbers = [str(number) for number in range(10_002)]
    for number in numbers:
        occurrences.async_publish(number, occurrence, suppressed=False)
    assert not events
    stop = occurrences.async_start()
    occurrences.async_publish("later", occurrence, suppressed=False)
    await hass.async_block_till_done()
    published = [event.data[ATTR_DEVICE_ID] for event in events]
    assert published == [*numbers[2:], "later"]
    stop()
