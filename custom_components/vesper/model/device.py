"""Apply the messages of a device to its state."""

from dataclasses import dataclass, replace
from typing import assert_never

from ..protocol.alert import Alert, UnreadableAlert
from ..protocol.fields import Malformed
from ..protocol.heartbeat import Heartbeat
from ..protocol.info import RETAINED_INFO, Info
from ..protocol.message import Message
from ..protocol.recent_events import contains_boot
from .change import Change
from .device_state import DeviceState
from .occurrence import (
    Occurrence,
    OccurrenceKind,
    StopReason,
    alert_occurrence,
    connectivity_occurrence,
    maintenance_occurrence,
    restart_occurrence,
)
from .postponed import postponed_alerts, postponed_ends, postponed_offline
from .restarts import UPTIME_JITTER, Boot
from .telemetry import Telemetry

#: In seconds: "last seen" changes at most this often while a device is online.
LAST_SEEN_INTERVAL = 60

_HEAP = Change.HEAP_FREE | Change.HEAP_MIN_FREE


@dataclass(eq=False, kw_only=True, slots=True)
class Device(DeviceState):
    """One device as its messages describe it.

    Times are passed in as seconds since 1970; nothing here reads a clock.
    """

    def apply(
        self,
        message: Message,
        *,
        live: bool,
        now: float,
        monotonic: float | None = None,
        posted: bool = False,
    ) -> Change:
        """Apply a message and return what it changed.

        `live` is whether it can be a sign of life (docs/liveness.md, "Online"): neither
        retained nor a last will (LWT). Without `monotonic`, the wall clock counts.
        """
        monotonic = now if monotonic is None else monotonic
        if live and isinstance(message, Heartbeat):
            stale = self.restarts.detect_stale(message.uptime, now, monotonic)
            if stale is not None:
                self.message_log.stale[stale] += 1
                return Change.STALE
        seen = self._mark_seen(now, monotonic) if live else Change.NOTHING
        match message:
            case Heartbeat():
                if live:
                    self.rhythm.record(monotonic)
                if posted:
                    # Alerts arrive by MQTT only, which a device that posts may lack.
                    self.alerts.postpone_timeout(monotonic)
                change = self._apply_heartbeat(message, now, monotonic, live=live)
            case Alert():
                change = self._apply_alert(message, now, monotonic, live=live)
            case Info():
                change = self._apply_info(message, now, monotonic, live=live)
            case UnreadableAlert():
                change = self.alerts.lost.record(message, now)
            case Malformed():
                change = Change.NOTHING
            case _:
                assert_never(message)
        # To join flags takes 0.7 µs, of 10 for an unchanged heartbeat.
        return seen | change if seen else change

    def set_maintenance(self, until: float | None, user: str | None = None) -> Change:
        """Begin, extend or end its maintenance."""
        if until == self.maintenance_until:
            return Change.NOTHING
        had_problem = self.has_problem
        self.maintenance_until = until
        self.maintenance_by = None if until is None else user
        since = self.announced.maintenance_since if until is None else None
        self._record(maintenance_occurrence(self.device_id, until, since))
        if until is None:
            self.occurrences += (
                *postponed_ends(self),
                *postponed_alerts(self),
                *postponed_offline(self),
            )
        return Change.MAINTENANCE | _problem_change(self, before=had_problem)

    def close_alert(self, subsystem: str) -> Change:
        """Close an alert on behalf of a user."""
        return self._closed(self.alerts.close(subsystem))

    def mark_offline(self, now: float) -> Change:
        """Mark it offline after a timeout."""
        if self.online is False:
            return Change.NOTHING
        had_problem = self.has_problem
        suppressed = self.is_suppressed(now)
        if self.was_online and not suppressed:
            self.offline_since = now
        elif self.was_online and not self.disabled:
            self.suppressed_offline_since = now
        self._set_online(online=False, now=now)
        if not suppressed:
            # It was offline in maintenance before Home Assistant started.
            self.occurrences += tuple(postponed_offline(self))
        self.alerts.reset_timeout()
        return (
            Change.CONNECTIVITY
            | Change.REACHABILITY
            | Change.LAST_SEEN
            | _problem_change(self, before=had_problem)
            | self.playback.forget()
        )

    def broker_disconnected(self) -> Change:
        """Handle the loss of the broker link."""
        self.link_up = False
        self.rhythm.interrupt()
        return (
            _connectivity_change(self)
            | self.playback.forget()
            | self.alerts.unconfirm()
        )

    def broker_connected(self) -> Change:
        """Handle the return of the broker link."""
        # A loss that was over at once may not have been handled.
        change = self.broker_disconnected() if self.link_up else Change.NOTHING
        self.link_up = True
        self.alerts.reset_timeout()
        self._contact_due = True
        return change | _connectivity_change(self)

    def _mark_seen(self, now: float, monotonic: float) -> Change:
        """Handle the sign of life of a live message."""
        self.last_seen, self.heard = now, monotonic
        change = Change.NOTHING
        if self.online is not True:
            change = Change.CONNECTIVITY | Change.CONTACT | Change.LAST_SEEN
            if self.was_online is False:
                change |= Change.CAME_ONLINE
            if self.online is False:
                change |= Change.REACHABILITY
            else:
                # What is known of playback is from before Home Assistant started.
                change |= self.playback.forget()
            had_problem = self.has_problem
            self._set_online(online=True, now=now)
            change |= _problem_change(self, before=had_problem)
        elif self._contact_due:
            change = Change.LAST_SEEN | Change.CONTACT
        elif self._response_due:
            change = Change.LAST_SEEN | Change.RESPONSE
        # The lower bound covers a wall clock that was set back.
        elif not 0 <= now - self._last_seen_written < LAST_SEEN_INTERVAL:
            change = Change.LAST_SEEN
        if change:
            self._contact_due = self._response_due = False
            self._last_seen_written = now
        return change

    def _set_online(self, *, online: bool, now: float) -> None:
        """Set whether it is online, and record the occurrence."""
        if online is not self.was_online:
            self.connectivity_since = now
            self.offline_acknowledged, self.offline_acknowledged_by = False, None
        self._record(_connectivity_occurrence(self, online=online))
        self.online = self.was_online = online
        if online:
            self.offline_since = self.suppressed_offline_since = None

    def _apply_heartbeat(
        self, heartbeat: Heartbeat, now: float, monotonic: float, *, live: bool
    ) -> Change:
        """Apply a heartbeat."""
        telemetry = self.telemetry
        log_compared = (
            heartbeat.recent_events is not None and telemetry.event_log.is_known
        )
        change = Change.NOTHING
        # Values of two devices would alternate with each heartbeat.
        if not (live and self.restarts.is_id_shared(now)):
            change = telemetry.apply(heartbeat, live=live, now=now)
        # A broker that was restored from a backup may retain an old heartbeat, so no
        # restart is read from a retained one.
        if not live:
            return change
        boot = self.restarts.detect_boot(
            heartbeat.uptime,
            now,
            monotonic,
            changed=bool(change),
            boot_logged=_is_boot_logged(change, telemetry),
        )
        if boot is Boot.NEW:
            change |= self._apply_restart(
                heartbeat, now, monotonic, log_compared=log_compared
            )
        elif boot is not Boot.SAME:
            # Both compare uptimes of one boot.
            self.heap_trend.clear()
            self.alerts.reset_timeout()
            if boot is Boot.EARLIER:
                # The restart that was seen before was another device's.
                self.alerts.unconfirmed_since_restart = frozenset()
        if (uptime := heartbeat.uptime) is not None:
            self.restarts.update(uptime, now, monotonic, boot)
            if change and change & _HEAP:
                self.heap_trend.sample(
                    uptime, free=telemetry.heap_free, least=telemetry.heap_min_free
                )
        if _can_close_alerts(self, now):
            change |= self._close_overdue(heartbeat.uptime, monotonic)
        if not heartbeat.faults:
            self.fault_streak = None
        return change

    def _close_overdue(self, uptime: int | None, monotonic: float) -> Change:
        """Close overdue alerts from before a restart."""
        has_clock = self.restarts.has_clock
        time = uptime if has_clock else monotonic
        if time is None:
            return Change.NOTHING
        return self._closed(
            self.alerts.close_overdue(time, self.close_after, is_uptime=has_clock)
        )

    def _apply_restart(
        self, heartbeat: Heartbeat, now: float, monotonic: float, *, log_compared: bool
    ) -> Change:
        """Apply a restart (docs/liveness.md, "Restarts").

        What the device has sent since then stays: it mostly sends something before its
        next heartbeat.
        """
        uptime, telemetry = heartbeat.uptime, self.telemetry
        self.restarts.record(
            now,
            monotonic,
            telemetry.reset_reason,
            in_maintenance=self.in_maintenance,
        )
        self.availability.record_restart(heartbeat.reset_reason, now)
        self.heap_trend.clear()
        self.alerts.reset_timeout()
        boot = self.restarts.estimate_boot(uptime, monotonic)
        change = Change.RESTART | self.alerts.restart(boot, now, monotonic)
        # What arrived within the jitter may be of either boot.
        if self.playback.reported_at < boot - UPTIME_JITTER:
            change |= self._set_playback(now, playing=False, reason=StopReason.RESTART)
        change |= telemetry.restart(heartbeat, now, log_compared=log_compared)
        # The known reason may be that of an earlier boot.
        self._record(restart_occurrence(self.device_id, heartbeat.reset_reason))
        return change

    def _apply_alert(
        self, alert: Alert, now: float, monotonic: float, *, live: bool
    ) -> Change:
        """Apply an alert."""
        suppressed = self.is_suppressed(now)
        before = self.alerts.active.get(alert.subsystem)
        change = self.alerts.apply(
            alert,
            live=live,
            now=now,
            monotonic=monotonic,
            suppressed=suppressed,
        )
        if live:
            change |= self.alerts.lost.end()
            after = self.alerts.active.get(alert.subsystem)
            occurrence = alert_occurrence(self.device_id, before, after)
            self._record(occurrence)
            is_raised = occurrence and occurrence.kind is OccurrenceKind.ALERT_RAISED
            if is_raised and suppressed and not self.disabled:
                self.alerts.suppress(alert.subsystem)
        return change

    def _apply_info(
        self, info: Info, now: float, monotonic: float, *, live: bool
    ) -> Change:
        """Apply an info message."""
        if not live:
            info.faults.append(RETAINED_INFO)
            return Change.NOTHING
        self.activity = info
        if info.type not in ("playback_started", "playback_stopped"):
            return Change.ACTIVITY
        self.playback.reported_at = monotonic
        playing = info.type == "playback_started"
        melody = info.melody_uid if playing else None
        return Change.ACTIVITY | self._set_playback(now, playing=playing, melody=melody)

    def _set_playback(
        self,
        now: float,
        *,
        playing: bool,
        melody: str | None = None,
        reason: StopReason = StopReason.STOPPED,
    ) -> Change:
        """Set what plays, and record the occurrence."""
        change, occurrence = self.playback.set(
            self.device_id, now, playing=playing, melody=melody, reason=reason
        )
        self._record(occurrence)
        return change

    def _closed(self, change: Change) -> Change:
        """Record the closed alerts, and return the change."""
        for alert in self.alerts.last_closed if change else ():
            closed_by = self.alerts.closed_by[alert.subsystem]
            self._record(alert_occurrence(self.device_id, alert, None, closed_by))
        return change

    def _record(self, occurrence: Occurrence | None) -> None:
        """Keep an occurrence until it is published."""
        if occurrence is not None:
            self.occurrences += (occurrence,)


def _connectivity_occurrence(device: Device, *, online: bool) -> Occurrence | None:
    """Return the occurrence if the connectivity changes."""
    occurrence = connectivity_occurrence(
        device.device_id,
        before=device.was_online,
        after=online,
        last_seen=device.last_seen,
        offline_since=device.offline_since,
    )
    return occurrence and replace(
        occurrence,
        outage_since=device.outage_since,
        outage_until=device.outage_until,
    )


def _connectivity_change(device: Device) -> Change:
    """Return what changes together with the broker link."""
    if device.online is False:
        return Change.CONNECTIVITY
    return Change.CONNECTIVITY | Change.REACHABILITY


def _is_boot_logged(change: Change, telemetry: Telemetry) -> bool:
    """Return whether the event log has a new boot."""
    return bool(
        change and change & Change.EVENT_LOG and contains_boot(telemetry.event_log.new)
    )


def _can_close_alerts(device: Device, now: float) -> bool:
    """Return whether alerts may be closed after a restart.

    While the link is down a health check may be missed.
    """
    return (
        bool(device.alerts.unconfirmed_since_restart)
        and device.close_after > 0
        and device.link_up
        and not device.restarts.is_id_shared(now)
    )


def _problem_change(device: Device, *, before: bool) -> Change:
    """Return `Change.PROBLEM` if a problem began or ended."""
    return Change.NOTHING if device.has_problem is before else Change.PROBLEM
