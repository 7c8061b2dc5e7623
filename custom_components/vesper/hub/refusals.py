"""Stop sending what makes the broker close the connection."""

from enum import StrEnum
from time import monotonic

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir

from ..const import DOMAIN, LOGGER
from .repair_issue import async_raise_issue, issue_id_of

ISSUE_REFUSED = "refused"

#: In seconds: a broker that closes the connection because of a message does so within
#: this time.
REFUSAL_TIME = 2

#: A kind of message is refused after this many disconnects within this many seconds;
#: fewer may be coincidence.
MAX_REFUSALS = 2
REFUSAL_WINDOW = 3600


class SentKind(StrEnum):
    """What is sent to the broker."""

    CLEARING = "clearing"
    """An empty retained heartbeat of a device that is removed."""
    HEALTH_CHECK = "health_check"
    """The request of a health check."""
    LINK_CHECK = "link_check"
    """One more subscription, which the broker has to acknowledge."""


class Refusals:
    """Detect what makes the broker close the connection.

    While it is closed, all MQTT entities of Home Assistant are unavailable. So a kind
    of message that has closed it twice in an hour is not sent again until the
    integration is reloaded (docs/liveness.md, "Online").
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Begin without refusals."""
        self._hass = hass
        self._entry_id = entry_id
        self._sent: dict[SentKind, tuple[float, str]] = {}
        """When each kind was sent last, by the monotonic clock, and its topic."""
        self._refusals: dict[SentKind, list[float]] = {kind: [] for kind in SentKind}
        """When each kind closed the connection."""
        self._refused: set[SentKind] = set()

    def is_refused(self, kind: SentKind) -> bool:
        """Return whether the broker refuses a kind of message."""
        return kind in self._refused

    @callback
    def async_send(self, kind: SentKind, topic: str) -> None:
        """Record what is sent next.

        Raises HomeAssistantError if the broker refuses this kind of message.
        """
        if self.is_refused(kind):
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="refused",
                translation_placeholders={"topic": topic},
            )
        self._sent[kind] = (monotonic(), topic)

    @callback
    def async_disconnected(self) -> bool:
        """Count what was sent right before a disconnect.

        Returns whether there was anything.
        """
        now = monotonic()
        explained = False
        for kind, (sent_at, topic) in self._sent.items():
            if now - sent_at > REFUSAL_TIME or kind in self._refused:
                continue
            explained = True
            refusals = self._refusals[kind]
            refusals[:] = [at for at in refusals if now - at < REFUSAL_WINDOW]
            refusals.append(now)
            if len(refusals) >= MAX_REFUSALS:
                self._refused.add(kind)
                self._async_raise(kind, topic)
        self._sent.clear()
        return explained

    @callback
    def async_close(self) -> None:
        """Delete the repair issues."""
        for kind in SentKind:
            ir.async_delete_issue(self._hass, DOMAIN, self._issue_id(kind))

    @callback
    def _async_raise(self, kind: SentKind, topic: str) -> None:
        """Raise the repair issue that names the topic."""
        LOGGER.warning(
            "The MQTT broker has closed the connection %s times right after %s was "
            "used; the repair issue says what to do",
            MAX_REFUSALS,
            topic,
        )
        async_raise_issue(
            self._hass,
            entry_id=self._entry_id,
            issue_id=self._issue_id(kind),
            key=ISSUE_REFUSED,
            placeholders={"topic": topic},
            severity=ir.IssueSeverity.ERROR,
        )

    def _issue_id(self, kind: SentKind) -> str:
        """Return the id of a repair issue."""
        return issue_id_of(ISSUE_REFUSED, self._entry_id, kind)
