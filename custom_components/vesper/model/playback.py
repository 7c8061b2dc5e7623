"""Keep what a device plays."""

from dataclasses import dataclass

from .change import Change
from .occurrence import Occurrence, StopReason, playback_occurrence


@dataclass(eq=False, kw_only=True, slots=True)
class Playback:
    """Whether a device plays, and which melody."""

    playing: bool | None = None
    """None while it is not known."""
    melody: str | None = None
    was_playing: bool | None = None
    """The last known value of `playing`, also from before a gap."""
    was_melody: str | None = None
    playing_changed_at: float | None = None
    """When the last known values changed, in seconds since 1970."""
    reported_at: float = float("-inf")
    """When the device last reported it, by the monotonic clock."""

    def set(
        self,
        device_id: str,
        now: float,
        *,
        playing: bool,
        melody: str | None = None,
        reason: StopReason = StopReason.STOPPED,
    ) -> tuple[Change, Occurrence | None]:
        """Set what plays; return the change and its occurrence."""
        occurrence = None
        if (playing, melody) != (self.playing, self.melody):
            # A start is reported only once, so one after a gap is another start. A stop
            # ends the last known melody, however long ago that started.
            occurrence = playback_occurrence(
                device_id,
                before=self.playing if playing else self.was_playing,
                after=playing,
                melody=melody if playing else self.was_melody,
                reason=reason,
            )
            if (playing, melody) != (self.was_playing, self.was_melody):
                self.playing_changed_at = now
            self.was_playing, self.was_melody = playing, melody
        return self._set(playing, melody), occurrence

    def forget(self) -> Change:
        """Set it unknown, whenever its end may be missed.

        Otherwise a device may seem to play forever.
        """
        return self._set(None, None)

    def _set(self, playing: bool | None, melody: str | None) -> Change:  # noqa: FBT001
        """Set both values; return what has changed."""
        change = Change.NOTHING
        if playing is not self.playing:
            self.playing = playing
            change |= Change.PLAYING
        if melody != self.melody:
            self.melody = melody
            change |= Change.MELODY
        return change
