"""Keep what is known of one device and tell what a message changed of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..protocol.messages import (
    RETAINED_INFO,
    Alert,
    Fault,
    FaultKind,
    Heartbeat,
    Info,
    Message,
)
from .alerts import ActiveAlert, Alerts
from .change import Change, Changes
from .event_log import tells_of_boot
from .fault_streak import MalformedRun
from .frame import Frame
from .heap_trend import HeapTrend
from .message_log import Received
from .occurrence import (
    Occurrence,
    StopReason,
    alert_occurrence,
    connectivity_occurrence,
    maintenance_occurrence,
    playback_occurrence,
    restart_occurrence,
)
from .post_schedule import POST, Posts
from .pulse import Pulse
from .restarts import UPTIME_JITTER, Restarts
from .telemetry import BOOT_TIME_JITTER, Diagnostics

_NEVER = float("-inf")

#: In place of when "last seen" was told last: it is to be told with the next word.
_AWAITED = float("inf")

#: In seconds: "last seen" is told anew at most this often while a device is online.
LAST_SEEN_INTERVAL = 60

_HEAP = Change.HEAP_FREE | Change.HEAP_MIN_FREE


@dataclass(eq=False, kw_only=True, slots=True)
class Device:
    """One device, as far as its messages tell.

    Times are passed in as seconds since 1970; nothing here reads a clock.
    """

    device_id: str
    close_after: int = 0
    """Seconds of its uptime, 0 for never: an alert from before a restart that is not
    raised again for so long is closed."""
    in_sight: bool = True
    """Whether all that it says can be heard: not while the broker link is lost."""
    online: bool | None = None
    """None until it has been heard, or silent for a whole timeout."""
    was_online: bool | None = None
    """The last that was known of `online`, also from before we started."""
    resumed: bool = False
    """Known from before we started, and not heard to tell its uptime since."""
    alerts: Alerts = field(default_factory=Alerts)
    playing: bool | None = None
    melody: str | None = None
    was_playing: bool | None = None
    """The last that was known of `playing`, also from before a gap."""
    was_melody: str | None = None
    activity: Info | None = None
    """The last thing that happened on the device."""
    malformed: MalformedRun | None = None
    """The malformed heartbeats that it sent last; None if the last was well-formed."""
    received: Received = field(default_factory=Received)
    occurrences: tuple[Occurrence, ...] = ()
    """What has happened to it and was told nobody yet."""
    maintenance_until: float | None = None
    """Until when somebody works on it; None while nobody does."""
    restarts: Restarts = field(default_factory=Restarts)
    heap: HeapTrend = field(default_factory=HeapTrend)
    watched: Changes = ~Change.NOTHING
    """What anybody wants to be told of it."""
    pulse: Pulse | None = None
    """Its last heartbeats, once two of them have said the same."""
    _faults: Counter[tuple[str, str, FaultKind]] | None = None
    _posts: Posts | None = None
    _last_seen: float | None = None
    _uptime: int | None = None
    _started: float = 0.0
    _diagnostics: Diagnostics = field(default_factory=Diagnostics)
    _last_seen_told: float = _NEVER
    _playback_told: float = _NEVER
    _awaiting_since: int | None = None
    """The uptime from which it has had the time to raise its alerts again; None until
    the next live heartbeat."""

    @property
    def firmware_version(self) -> str | None:
        """Return the version of its firmware, None until it has told."""
        return self.diagnostics.firmware_version

    def apply(self, message: Message, *, live: bool, now: float) -> Changes:
        """Take a message in and return what it changed.

        A message that is not live was kept by the broker: it fills in what it says,
        but it is no sign of life (protocol, section 2).
        """
        self._wake()
        change = self._seen(now) if live else Change.NOTHING
        match message:
            case Heartbeat():
                return self._apply_heartbeat(message, change, live=live, now=now)
            case Alert():
                return change | self._apply_alert(message, live=live, now=now)
            case Info():
                return change | self._apply_info(message, live=live, now=now)
        return change

    def watch(self, watched: Changes) -> None:
        """Take in what anybody wants to be told of it."""
        self.watched = watched
        self._wake()

    @property
    def last_seen(self) -> float | None:
        """Return when it was heard last."""
        self.catch_up()
        return self._last_seen

    @property
    def uptime(self) -> int | None:
        """Return its seconds since boot at the last live heartbeat."""
        self.catch_up()
        return self._uptime

    @property
    def started(self) -> float:
        """Return when it started, by that: the heartbeat's time less its uptime."""
        self.catch_up()
        return self._started

    @property
    def diagnostics(self) -> Diagnostics:
        """Return what it tells of itself in its heartbeats."""
        self.catch_up()
        return self._diagnostics

    @property
    def faults(self) -> Counter[tuple[str, str, FaultKind]]:
        """Return how often each thing was wrong with its messages.

        By topic, path and kind. As with its posts, most devices never need a place for
        it.
        """
        if self._faults is None:
            self._faults = Counter()
        return self._faults

    @property
    def posts(self) -> Posts:
        """Return when it posted."""
        if self._posts is None:
            self._posts = Posts()
        return self._posts

    @property
    def heard_at(self) -> float:
        """Return when its last heartbeat in a pulse came, by a monotonic clock."""
        return self.pulse.heard if self.pulse else _NEVER

    def catch_up(self) -> None:
        """Take in the newest heartbeat, if the pulse has it alone.

        To be done before another one is kept there.
        """
        pulse = self.pulse
        if pulse is not None and pulse.ahead:
            pulse.ahead = False
            self._last_seen, self._uptime, heap_free = pulse.newest
            self._started = self._last_seen - self._uptime
            self._diagnostics.heap_free = heap_free

    def _wake(self) -> None:
        """Have the next heartbeat looked into, whatever it says."""
        if self.pulse is not None:
            self.catch_up()
            self.pulse.wake()

    @property
    def patience(self) -> float:
        """Return the seconds of silence that its rhythm of posts allows, 0 without one.

        It has none any more once its heartbeats come by MQTT.
        """
        last = self.received.heartbeat
        if last is not None and last.source != POST.name and last.live:
            return 0
        return self._posts.patience if self._posts else 0

    def wait_anew(self) -> None:
        """Give it the whole time again to raise what it had raised before a restart."""
        self._awaiting_since = None
        self._wake()

    def note_malformed(self, faults: list[Fault], now: float) -> None:
        """Take in what was wrong with a live heartbeat."""
        if self.malformed is None:
            self.malformed = MalformedRun(began=now, last=now)
        self.malformed.note(faults, now)

    @property
    def in_maintenance(self) -> bool:
        """Tell whether somebody works on it: it then does not count for the fleet."""
        return self.maintenance_until is not None

    def muted(self, now: float) -> bool:
        """Tell whether nobody is to act on what happens to it."""
        until = self.maintenance_until
        return until is not None and now < until

    def set_maintenance(self, until: float | None) -> Changes:
        """Take in until when somebody works on it, None where nobody does."""
        if until == self.maintenance_until:
            return Change.NOTHING
        self.maintenance_until = until
        self._note(maintenance_occurrence(self.device_id, until))
        return Change.MAINTENANCE

    def clear_alert(self, subsystem: str) -> Changes:
        """Take a person's word that an alert is over."""
        before = dict(self.alerts.active)
        change = self.alerts.close(subsystem)
        if change:
            self._note_closed(before)
        return change

    def await_word(self) -> None:
        """Have the next live message, whatever it says, be told of.

        It is with `Change.ANSWER`, or with `Change.CONTACT` where it is also the first.
        """
        if self._last_seen_told != _NEVER:
            self._last_seen_told = _AWAITED
            self._wake()

    def go_silent(self) -> Changes:
        """Declare the device offline: it was not heard for a whole timeout."""
        if self.online is False:
            return Change.NOTHING
        self._set_online(online=False)
        self.wait_anew()
        return (
            Change.CONNECTIVITY
            | Change.REACHABILITY
            | Change.LAST_SEEN
            | self._set_playback(playing=None)
        )

    def lose_sight(self) -> Changes:
        """Prepare for a gap in what we hear, such as a lost broker link.

        What the device says of its alerts and playback in the meantime is lost.
        """
        self.in_sight = False
        self._wake()
        return (
            self._link_changed()
            | self._set_playback(playing=None)
            | self.alerts.unconfirm()
        )

    def regain_sight(self) -> Changes:
        """Take in that such a gap is over; what was known before is so still."""
        # There was a gap, also where it was over before this came to know of it.
        change = self.lose_sight() if self.in_sight else Change.NOTHING
        self.in_sight = True
        self.wait_anew()
        self._last_seen_told = _NEVER
        return change | self._link_changed()

    def _link_changed(self) -> Changes:
        """Return what a change of the link changes by itself."""
        if self.online is False:
            return Change.CONNECTIVITY
        return Change.CONNECTIVITY | Change.REACHABILITY

    def _seen(self, now: float) -> Changes:
        """Take a live message for the sign of life it is."""
        self._last_seen = now
        if self.online is not True:
            change = Change.CONNECTIVITY | Change.CONTACT | Change.LAST_SEEN
            if self.online is False:
                change |= Change.REACHABILITY | Change.CAME_ONLINE
            else:
                # What is known of playback is from before we started.
                change |= self._set_playback(playing=None)
            self._set_online(online=True)
            self._last_seen_told = now
            return change
        # The lower bound lets the telling go on after the wall clock was set back.
        if 0 <= now - self._last_seen_told < LAST_SEEN_INTERVAL:
            return Change.NOTHING
        change = Change.LAST_SEEN
        if self._last_seen_told == _NEVER:
            change |= Change.CONTACT
        elif self._last_seen_told == _AWAITED:
            change |= Change.ANSWER
        self._last_seen_told = now
        return change

    def _set_online(self, *, online: bool) -> None:
        """Take in that it is online, or is not."""
        self._note(
            connectivity_occurrence(
                self.device_id, before=self.was_online, after=online
            )
        )
        self.online = self.was_online = online

    def _apply_heartbeat(
        self, heartbeat: Heartbeat, change: Changes, *, live: bool, now: float
    ) -> Changes:
        """Take a heartbeat in, and add to the change that it came at all."""
        diagnostics = self._diagnostics
        told = diagnostics.drift(heartbeat, live=live, now=now)
        if is_known := diagnostics.knows(heartbeat):
            diagnostics.repeat(heartbeat)
        else:
            told |= diagnostics.learn(heartbeat, live=live)
        # A kept heartbeat may be older than what is known (a broker that came back
        # from an old state of its own), so no restart is read from it.
        if live:
            uptime = heartbeat.uptime
            if self._is_restart(heartbeat, now, told):
                change |= self._take_for_restart(heartbeat, told, now)
            if uptime is not None:
                self._uptime = uptime
                self._started = now - uptime
                self.resumed = False
                if told & _HEAP:
                    self.heap.sample(
                        uptime,
                        free=diagnostics.heap_free,
                        least=diagnostics.heap_min_free,
                    )
                if self.alerts.awaited:
                    change |= self._close_overdue(uptime, now)
            if self.malformed is not None and not heartbeat.faults:
                self.malformed = None
            self._expect_the_same(heartbeat, is_known=is_known, now=now)
        return change | told

    def _expect_the_same(
        self, heartbeat: Heartbeat, *, is_known: bool, now: float
    ) -> None:
        """Learn what its heartbeats say over and over, and see if the next may count.

        A frame in which no second heartbeat came is kept, and no other is looked for:
        something else drifts too in what it says.
        """
        if not is_known:
            self.pulse = None
        elif not heartbeat.in_frame:
            if self.pulse is None or self.pulse.count:
                self._learn(heartbeat)
        elif (
            self.pulse is not None
            and self.online
            and self.in_sight
            and not self.alerts.awaited
            and self.malformed is None
        ):
            # Nothing is left to be done for the next ones; what changes that wakes it.
            until = float("inf")
            if self.watched & Change.LAST_SEEN:
                until = self._last_seen_told + LAST_SEEN_INTERVAL
            calm = self._diagnostics.calm(
                self._started, until, now, watched=self.watched
            )
            self.pulse.calm_down(calm)

    def _learn(self, heartbeat: Heartbeat) -> None:
        """Keep what a heartbeat says for a frame of others, if it can be one."""
        frame = Frame.of(heartbeat, self.device_id)
        self.pulse = Pulse(frame) if frame else None
        if frame:
            self._diagnostics.move_to(heartbeat, frame)

    def _is_restart(self, heartbeat: Heartbeat, now: float, told: Changes) -> bool:
        """Tell whether the device has started anew since its last live heartbeat.

        It has where its uptime fell, or where its log has a new boot in it that the
        uptime does not deny: a boot may be logged late, when it is known already. It
        has not where an earlier boot is back: that is another device of the same id,
        or a message that comes late.
        """
        uptime, last = heartbeat.uptime, self._uptime
        if uptime is not None and last is not None:
            fell = uptime < last - UPTIME_JITTER
            boot = now - uptime
            later = boot - self._started
            if (
                not fell
                and -UPTIME_JITTER <= later <= UPTIME_JITTER
                and (uptime > last or not told)
            ):
                return False
            if abs(later) > UPTIME_JITTER and self.restarts.return_to(
                boot, now, boot_before=self._started
            ):
                self.heap.clear()
                # The restart that it was taken for was none of this device.
                self.alerts.awaited = frozenset()
                self.wait_anew()
                return False
            if fell or later < 0:
                return fell
            # It has run for less time than has passed since it was heard last.
            if uptime <= last and uptime + UPTIME_JITTER < later:
                return True
            # While we did not listen its uptime may have grown past what it was. A log
            # would tell better: our clock may have been set meanwhile.
            if self.resumed and heartbeat.events_at < 0 and later > BOOT_TIME_JITTER:
                return True
        return bool(told & Change.DEVICE_LOG) and tells_of_boot(
            self._diagnostics.log.new
        )

    def _take_for_restart(
        self, heartbeat: Heartbeat, told: Changes, now: float
    ) -> Changes:
        """Take in the first heartbeat after a restart, given what it changed."""
        diagnostics, uptime = self._diagnostics, heartbeat.uptime
        self.restarts.note(now, diagnostics.reset_reason, boot_before=self._started)
        self.heap.clear()
        change = self._restarted(now if uptime is None else now - uptime)
        change |= diagnostics.restart(heartbeat, told, now)
        # The stored reason may be that of an earlier boot.
        reason = heartbeat.settled()[0].get("reset_reason")
        self._note(restart_occurrence(self.device_id, reason))
        return change

    def _restarted(self, started: float) -> Changes:
        """Take in that the device started anew (protocol, section 3).

        What it has said since then holds: it mostly speaks before its next heartbeat.
        """
        self.wait_anew()
        # What came within the jitter may be of either boot.
        surely_before = started - UPTIME_JITTER
        change = Change.RESTART | self.alerts.restart(started, surely_before)
        if self._playback_told < surely_before:
            change |= self._set_playback(playing=False, reason=StopReason.RESTART)
        return change

    def _apply_alert(self, alert: Alert, *, live: bool, now: float) -> Changes:
        """Take in the state of a subsystem.

        One that the broker kept is no transition (protocol, section 1).
        """
        active = self.alerts.active
        before = active.get(alert.subsystem)
        change = self.alerts.apply(alert, live=live, now=now)
        if live:
            after = active.get(alert.subsystem)
            self._note(alert_occurrence(self.device_id, before, after))
        return change

    def _close_overdue(self, uptime: int, now: float) -> Changes:
        """Close the alerts that it had the time to raise again, and has not.

        The time counts by its own clock, which no jump of ours distorts, and only while
        it is online and can be heard: a health check may else have gone unheard.
        """
        if not (self.close_after and self.in_sight) or self.restarts.are_mixed(now):
            return Change.NOTHING
        if self._awaiting_since is None:
            self._awaiting_since = uptime
        if uptime - self._awaiting_since < self.close_after:
            return Change.NOTHING
        before = dict(self.alerts.active)
        change = self.alerts.close_awaited()
        self._note_closed(before)
        return change

    def _apply_info(self, info: Info, *, live: bool, now: float) -> Changes:
        """Take in what happened on the device."""
        if not live:
            info.faults.append(RETAINED_INFO)
            return Change.NOTHING
        self.activity = info
        match info.type:
            case "playback_started":
                self._playback_told = now
                return Change.ACTIVITY | self._set_playback(
                    playing=True, melody=info.melody_uid
                )
            case "playback_stopped":
                self._playback_told = now
                return Change.ACTIVITY | self._set_playback(playing=False)
            case _:
                return Change.ACTIVITY

    def _set_playback(
        self,
        *,
        playing: bool | None,
        melody: str | None = None,
        reason: StopReason = StopReason.STOPPED,
    ) -> Changes:
        """Set what plays; playing None stands for not known.

        It is forgotten wherever a stop may go unheard: no bell plays for ever.
        """
        if playing is not None and (playing, melody) != (self.playing, self.melody):
            # A start is never said twice, so after a gap it is another one. A stop ends
            # what was said to play, however long ago.
            self._note(
                playback_occurrence(
                    self.device_id,
                    before=self.playing if playing else self.was_playing,
                    after=playing,
                    melody=melody if playing else self.was_melody,
                    reason=reason,
                )
            )
            self.was_playing, self.was_melody = playing, melody
        change: Changes = Change.NOTHING
        if playing is not self.playing:
            self.playing = playing
            change |= Change.PLAYING
        if melody != self.melody:
            self.melody = melody
            change |= Change.MELODY
        return change

    def _note_closed(self, before: Mapping[str, ActiveAlert]) -> None:
        """Keep that alerts were closed without a word of the device."""
        alerts = self.alerts
        for subsystem in alerts.just_closed:
            self._note(
                alert_occurrence(
                    self.device_id,
                    before[subsystem],
                    None,
                    alerts.closed_by[subsystem],
                )
            )

    def _note(self, occurrence: Occurrence | None) -> None:
        """Keep what has happened until it is told."""
        if occurrence is not None:
            self.occurrences += (occurrence,)
