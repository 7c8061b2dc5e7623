"""Playback and other activity of a device (docs/protocol.md)."""

import pytest

from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.playback import Playback
from custom_components.vesper.protocol.fields import FaultKind
from tests.protocol.common import found
from tests.strategies import DEVICE_ID, heartbeat, info

from .common import BROKER_DISCONNECTED, NOW, WENT_OFFLINE, receive, replay


def test_playback_starts(online: Device) -> None:
    """The device plays the melody."""
    change = receive(online, info("playback_started", melody_uid="ABC123"))
    assert change == Change.ACTIVITY | Change.PLAYING | Change.MELODY
    assert (online.playback.playing, online.playback.melody) == (True, "ABC123")


def test_playback_stops(online: Device) -> None:
    """Playback and melody end."""
    receive(online, info("playback_started", melody_uid="ABC123"))
    change = receive(online, info("playback_stopped"))
    assert change == Change.ACTIVITY | Change.PLAYING | Change.MELODY
    assert (online.playback.playing, online.playback.melody) == (False, None)


def test_the_next_melody_follows_without_a_stop(online: Device) -> None:
    """A stop may be missed; the melody is replaced."""
    receive(online, info("playback_started", melody_uid="ABC123"))
    change = receive(online, info("playback_started", melody_uid="DEF456"))
    assert change == Change.ACTIVITY | Change.MELODY
    assert online.playback.melody == "DEF456"


@pytest.mark.parametrize("uid", [None, 7, ""], ids=["null", "number", "empty"])
def test_a_melody_that_can_not_be_named_plays(
    online: Device, uid: int | str | None
) -> None:
    """The melody before ends in any case."""
    receive(online, info("playback_started", melody_uid="ABC123"))
    receive(online, info("playback_started", melody_uid=uid))
    assert (online.playback.playing, online.playback.melody) == (True, None)


def test_other_activity_changes_no_state(online: Device) -> None:
    """It is an activity with its type and payload."""
    receive(online, info("playback_started", melody_uid="ABC123"))
    message = info("volume", level=7)
    assert receive(online, message) == Change.ACTIVITY
    assert online.activity is message
    assert (online.playback.playing, online.playback.melody) == (True, "ABC123")


def test_the_same_activity_again_is_one_more(online: Device) -> None:
    """Each message is an activity of its own."""
    receive(online, info("volume"))
    assert receive(online, info("volume")) == Change.ACTIVITY


def test_a_retained_info_is_ignored(online: Device) -> None:
    """It is neither activity nor playback, and a fault."""
    message = info("playback_started", melody_uid="ABC123")
    assert replay(online, message) == Change.NOTHING
    assert found(message) == [("", FaultKind.RETAINED)]
    assert online.activity is None
    assert online.playback.playing is None


def test_playback_is_not_known_after_a_timeout(online: Device) -> None:
    """A missed stop must not show playback forever."""
    receive(online, info("playback_started", melody_uid="ABC123"))
    assert online.mark_offline(0) == WENT_OFFLINE | Change.PLAYING | Change.MELODY
    assert (online.playback.playing, online.playback.melody) == (None, None)


def test_playback_is_not_known_after_a_disconnect(online: Device) -> None:
    """The stop may have been missed."""
    receive(online, info("playback_started", melody_uid="ABC123"))
    change = online.broker_disconnected()
    assert change == BROKER_DISCONNECTED | Change.PLAYING | Change.MELODY
    assert (online.playback.playing, online.playback.melody) == (None, None)


def test_playback_stays_unknown_until_it_is_reported(online: Device) -> None:
    """A heartbeat does not report it."""
    online.mark_offline(0)
    receive(online, heartbeat(uptime=130))
    assert online.playback.playing is None


# The class itself


@pytest.mark.parametrize(
    ("before", "after", "change", "kind"),
    [
        pytest.param(
            (None, None),
            (True, "A"),
            Change.PLAYING | Change.MELODY,
            "started_playing",
            id="start",
        ),
        pytest.param((True, "A"), (True, "A"), Change.NOTHING, None, id="same"),
        pytest.param(
            (True, "A"), (True, "B"), Change.MELODY, "started_playing", id="next"
        ),
        pytest.param(
            (True, "A"),
            (False, None),
            Change.PLAYING | Change.MELODY,
            "stopped_playing",
            id="stop",
        ),
        pytest.param(
            (True, "A"),
            (None, None),
            Change.PLAYING | Change.MELODY,
            None,
            id="unknown",
        ),
        pytest.param((None, None), (False, None), Change.PLAYING, None, id="idle"),
    ],
)
def test_a_change_and_its_occurrence(
    before: tuple[bool | None, str | None],
    after: tuple[bool | None, str | None],
    change: Change,
    kind: str | None,
) -> None:
    """Only a start and a stop are occurrences."""
    playback = Playback(
        playing=before[0],
        melody=before[1],
        was_playing=before[0],
        was_melody=before[1],
    )
    if after[0] is None:
        found, occurrence = playback.forget(), None
    else:
        found, occurrence = playback.set(
            DEVICE_ID, NOW, playing=after[0], melody=after[1]
        )
    assert (found, occurrence and occurrence.kind) == (change, kind)
    assert (playback.playing, playback.melody) == after


def test_a_stop_after_a_gap_is_that_of_the_melody_before() -> None:
    """The melody is known although playback became unknown."""
    playback = Playback()
    playback.set(DEVICE_ID, NOW, playing=True, melody="A")
    playback.forget()
    _, stopped = playback.set(DEVICE_ID, NOW, playing=False)
    assert stopped is not None
    assert (stopped.from_state, stopped.to_state) == ("playing", "stopped")
    assert stopped.melody == "A"
    again = playback.set(DEVICE_ID, NOW, playing=False)
    assert again == (Change.NOTHING, None)


def test_when_playback_changed_last() -> None:
    """A gap is no change."""
    playback = Playback()
    for playing, melody in ((False, None), (True, "A"), (True, "B"), (False, None)):
        at = (playback.playing_changed_at or NOW) + 60
        for _ in range(2):
            playback.set(DEVICE_ID, at, playing=playing, melody=melody)
            assert playback.playing_changed_at == at
            playback.set(DEVICE_ID, at + 1, playing=playing, melody=melody)
            assert playback.playing_changed_at == at
            playback.forget()
            assert playback.playing_changed_at == at
