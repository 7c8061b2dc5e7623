"""Hold the state of one device."""

from dataclasses import dataclass, field

from ..protocol.info import Info
from .alerts import Alerts
from .announced import Announced
from .availability import AvailabilityHistory
from .change import Change
from .fault_counter import FaultCounter
from .fault_streak import FaultStreak
from .heap_trend import HeapTrend
from .message_log import MessageLog
from .occurrence import Occurrence, OccurrenceKind, acknowledged_occurrence
from .playback import Playback
from .post_limit import PostLimit
from .restarts import Restarts
from .rhythm import Rhythm
from .stability import NAMES, Stability
from .telemetry import Telemetry


@dataclass(eq=False, kw_only=True, slots=True)
class DeviceState:
    """All that is known of one device.

    Times are seconds since 1970.
    """

    device_id: str
    close_after: int = 0
    """After how many seconds of uptime an alert from before a restart is closed unless
    it is raised again; 0 for never."""
    link_up: bool = True
    """Whether the broker link is up, so that all messages arrive."""
    online: bool | None = None
    """None until the first live message or the first timeout."""
    was_online: bool | None = None
    """The last known value of `online`, also from before Home Assistant started."""
    last_seen: float | None = None
    """When the last live message arrived."""
    heard: float | None = None
    """When that was by the monotonic clock; None if it is restored."""
    connectivity_since: float | None = None
    """When `was_online` changed last; None if it was never seen to change."""
    healthy_since: float | None = None
    """When the last active alert ended; None if none was seen to end."""
    offline_since: float | None = None
    """When it went offline; None while online, or if going offline ran no triggers."""
    suppressed_offline_since: float | None = None
    """When it went offline in maintenance, while triggers have yet to know of it."""
    outage_since: float | None = None
    """When the fleet outage began in which it was lost, until it is over for it."""
    outage_until: float | None = None
    """When that outage was over, if it was still offline then."""
    offline_acknowledged: bool = False
    """Whether a user knows that it is offline."""
    offline_acknowledged_by: str | None = None
    """The name of that user, None where an automation did it."""
    availability: AvailabilityHistory = field(default_factory=AvailabilityHistory)
    stability: Stability | None = None
    """None if nothing has changed for an hour."""
    alerts: Alerts = field(default_factory=Alerts)
    playback: Playback = field(default_factory=Playback)
    telemetry: Telemetry = field(default_factory=Telemetry)
    restarts: Restarts = field(default_factory=Restarts)
    heap_trend: HeapTrend = field(default_factory=HeapTrend)
    message_log: MessageLog = field(default_factory=MessageLog)
    activity: Info | None = None
    """The last info message."""
    fault_streak: FaultStreak | None = None
    """The malformed heartbeats since the last well-formed one."""
    post_limit: PostLimit = field(default_factory=PostLimit)
    rhythm: Rhythm = field(default_factory=Rhythm)
    faults: FaultCounter = field(default_factory=FaultCounter)
    occurrences: tuple[Occurrence, ...] = ()
    """What has happened and has yet to be published."""
    announced: Announced = field(default_factory=Announced)
    maintenance_until: float | None = None
    maintenance_by: str | None = None
    """The name of the user who has set it, None where an automation did."""
    disabled: bool = False
    """Whether a user has disabled it in Home Assistant."""
    replaces: str | None = None
    """The id of the device that it replaces, until that is done."""
    registry_id: str | None = None
    """The id in the registry of the device that it has replaced."""
    _last_seen_written: float = float("-inf")
    _contact_due: bool = True
    """Whether the next live message is the first since the link came up."""
    _response_due: bool = False
    """Whether the next live message is the response to a request."""

    @property
    def in_maintenance(self) -> bool:
        """Return whether it is in maintenance."""
        return self.maintenance_until is not None

    @property
    def has_problem(self) -> bool:
        """Return whether it has an alert or is offline.

        In maintenance, being offline is no problem.
        """
        return bool(self.alerts.severity) or (
            self.online is False and not self.in_maintenance
        )

    @property
    def is_unheard(self) -> bool:
        """Return whether it was online before Home Assistant started.

        And has not been heard since.
        """
        return (
            self.online is None
            and self.was_online is True
            and not (self.in_maintenance or self.disabled)
        )

    @property
    def is_observed(self) -> bool:
        """Return whether it is expected to be online."""
        return self.link_up and not self.in_maintenance and not self.disabled

    @property
    def unstable(self) -> list[str]:
        """Return what is unstable: subsystems, connectivity and restarts."""
        stability = self.stability
        return [NAMES.get(key, key) for key in stability.unstable] if stability else []

    def announce_unstable(self) -> None:
        """Record that it became unstable, unless triggers know."""
        if (stability := self.stability) is None or stability.announced_unstable:
            return
        stability.announced_unstable = True
        self.occurrences += (
            Occurrence(kind=OccurrenceKind.BECAME_UNSTABLE, device_id=self.device_id),
        )

    def set_disabled(self, *, disabled: bool) -> Change:
        """Handle that a user has disabled or enabled it."""
        if disabled is self.disabled:
            return Change.NOTHING
        self.disabled = disabled
        # No health check was requested meanwhile, so an alert may have been missed.
        return Change.DISABLED | Change.HEALTH_CHECK_DUE

    def expect_response(self) -> None:
        """Report the next live message as `Change.RESPONSE`.

        It is `Change.CONTACT` where it is also the first one.
        """
        self._response_due = True

    def settle(self, now: float, monotonic: float) -> Change:
        """Record what is known after alerts have flapped."""
        stability, before = self.stability or Stability(), self.unstable
        stability.forget_quiet(monotonic)
        if self.is_suppressed(now):
            stability.postpone(monotonic)
        else:
            self.occurrences += tuple(
                stability.settle(self.device_id, self.alerts, monotonic)
            )
        if stability.deadline is None:
            self.stability = None
        return Change.NOTHING if self.unstable == before else Change.UNSTABLE

    def acknowledge_alert(
        self, subsystem: str, note: str, user: str | None, now: float
    ) -> Change:
        """Acknowledge an alert on behalf of a user."""
        before = self.alerts.active.get(subsystem)
        change = self.alerts.acknowledge(subsystem, note, user, now)
        if before is not None:
            after = self.alerts.active[subsystem]
            held = self.stability.held.get(subsystem) if self.stability else None
            self.occurrences += (
                acknowledged_occurrence(
                    self.device_id, before, after, held.occurrence if held else None
                ),
            )
        return change

    def unacknowledge_alert(self, subsystem: str) -> Change:
        """Take the acknowledgement of an alert back."""
        change = self.alerts.acknowledge(subsystem, "", None, None)
        if change:
            self._record_by_user(OccurrenceKind.ALERT_UNACKNOWLEDGED, subsystem)
        return change

    def acknowledge_offline(self, user: str | None) -> Change:
        """Acknowledge that it is offline."""
        if self.online is not False:
            return Change.NOTHING
        self.offline_acknowledged, self.offline_acknowledged_by = True, user
        self._record_by_user(OccurrenceKind.OFFLINE_ACKNOWLEDGED)
        return Change.OFFLINE_ACKNOWLEDGED

    def unacknowledge_offline(self) -> Change:
        """Take the acknowledgement that it is offline back."""
        if not self.offline_acknowledged:
            return Change.NOTHING
        self.offline_acknowledged, self.offline_acknowledged_by = False, None
        self._record_by_user(OccurrenceKind.OFFLINE_UNACKNOWLEDGED)
        return Change.OFFLINE_ACKNOWLEDGED

    def _record_by_user(
        self, kind: OccurrenceKind, subsystem: str | None = None
    ) -> None:
        """Keep what a user did until it is published."""
        self.occurrences += (
            Occurrence(kind=kind, device_id=self.device_id, subsystem=subsystem),
        )

    def is_suppressed(self, now: float) -> bool:
        """Return whether its occurrences run no triggers."""
        until = self.maintenance_until
        return self.disabled or (until is not None and now < until)
