"""What happens while Home Assistant starts."""

from custom_components.vesper.const import SIGNAL_OCCURRENCE
from custom_components.vesper.hub.occurrences import Occurrences
from custom_components.vesper.model.occurrence import Occurrence, OccurrenceKind
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from tests.common import BELL


async def test_the_newest_are_held(hass: HomeAssistant) -> None:
    """Automations get the last 10,000 once it has started, and all from then on."""
    occurrence = Occurrence(kind=OccurrenceKind.STARTED_PLAYING, device_id=BELL)
    published: list[str] = []

    @callback
    def publish(registry_id: str, _occurrence: Occurrence, _suppressed: bool) -> None:  # noqa: FBT001  # as the signal has it
        """Record an occurrence."""
        published.append(registry_id)

    async_dispatcher_connect(hass, SIGNAL_OCCURRENCE, publish)
    occurrences = Occurrences(hass)
    numbers = [str(number) for number in range(10_002)]
    for number in numbers:
        occurrences.async_publish(number, occurrence, suppressed=False)
    assert published == []
    stop = occurrences.async_start()
    assert published == numbers[2:]
    occurrences.async_publish("later", occurrence, suppressed=False)
    assert published[10_000:] == ["later"]
    stop()
