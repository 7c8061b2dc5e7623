"""What is taken in at next to no cost is what would have been taken in at full cost."""

from collections import Counter
from collections.abc import Callable
import json
from typing import Any
from unittest.mock import Mock, PropertyMock, patch

from hypothesis import given, settings, strategies as st

from custom_components.vesper.hub import receiver as intake_module
from custom_components.vesper.hub.receiver import Intake
from custom_components.vesper.model.change import Change, Changes
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.event_log import DeviceLog
from custom_components.vesper.model.frame import Frame
from custom_components.vesper.model.pulse import KEPT
from custom_components.vesper.model.snapshot import dump, with_log
from custom_components.vesper.protocol import messages
from custom_components.vesper.protocol.topics import STATUS_TOPICS

BELL = "bell"
HEARTBEAT, ALERTS, INFO = STATUS_TOPICS


class Side:
    """An intake with one device, at a time of its own, and what it has told."""

    def __init__(self, frame_of: Callable[..., Frame | None]) -> None:
        """Take what makes frames, which may make none."""
        self.devices = {BELL: Device(device_id=BELL, close_after=120)}
        self.told: list[tuple[Changes, tuple[Any, ...]]] = []
        self.watch = Mock()
        self.intake = Intake(
            self.devices,
            {},
            Mock(),
            self.watch,
            async_add=Mock(),
            async_changed=self._changed,
        )
        self.take_in = {topic: self.intake.of(topic) for topic in STATUS_TOPICS}
        self.frame_of = frame_of

    @property
    def device(self) -> Device:
        """Return the device."""
        return self.devices[BELL]

    def _changed(self, device: Device, change: Changes) -> None:
        """Note what a message changed, as the hub would tell of it."""
        self.told.append((change, device.occurrences))
        device.occurrences = ()

    def take(self, now: float, step: tuple[str, Any]) -> None:
        """Take a step at a time."""
        kind, what = step
        device = self.device
        with (
            patch.object(intake_module, "time", return_value=now),
            patch.object(intake_module, "monotonic", return_value=now),
            patch.object(Frame, "of", self.frame_of),
        ):
            match kind:
                case "beat":
                    uptime, heap, others, live = what
                    payload = json.dumps(
                        {"uptime": uptime, "heap_free": heap, **others}
                    ).encode()
                    self.take_in[HEARTBEAT](BELL, payload, live)
                case "alert":
                    payload = json.dumps({"subsystem": "a", "state": what}).encode()
                    self.take_in[ALERTS](BELL, payload, True)  # noqa: FBT003
                case "info":
                    payload = json.dumps({"type": what}).encode()
                    self.take_in[INFO](BELL, payload, True)  # noqa: FBT003
                case "raw":
                    self.take_in[HEARTBEAT](BELL, what, True)  # noqa: FBT003
                case _:
                    self._changed(device, getattr(device, kind)() or Change.NOTHING)

    def known(self) -> dict[str, Any]:
        """Return all that is known of the device."""
        device = self.device
        return {
            "saved": json.loads(with_log(dump(device), device)),
            "online": device.online,
            "uptime": device.uptime,
            "records": [
                (record.received_at, record.source, record.live, record.payload)
                for record in device.received.records()
            ],
            "heartbeat": (last := device.received.heartbeat) and last.payload,
            "live": device.received.live,
            "total": device.received.total,
            "faults": Counter(device.faults),
            "malformed": device.malformed and device.malformed.count,
            "loop": device.restarts.loop(1e12),
        }


constant = st.sampled_from(
    [
        {},
        {"reset_reason": 4},
        {"heap_min_free": 9000},
        {"recent_events": [{"t": 1, "d0": 1, "d1": 0, "ts": 0, "up": 0}]},
        {"recent_events": [{"t": 3, "d0": 8, "d1": 0, "ts": 0, "up": 5}]},
        {"recent_events": [7]},
        {"other": 1},
    ]
)
steps = st.one_of(
    st.tuples(st.just("same"), st.none()),
    st.tuples(st.just("same"), st.none()),
    st.tuples(st.just("constant"), constant),
    st.tuples(st.just("heap"), st.sampled_from([100, 16_383, 16_384, 60_000])),
    st.tuples(st.just("slip"), st.sampled_from([-40, -6, -5, -2, 2, 3, 5, 6, 50])),
    st.tuples(st.just("reboot"), st.integers(0, 40)),
    st.tuples(st.just("clock"), st.sampled_from([-3600, -30, -3, 3, 3600])),
    st.tuples(st.just("kept"), st.none()),
    st.tuples(st.just("alert"), st.sampled_from(["WARNING", "FAILED", "CLEARED"])),
    st.tuples(st.just("info"), st.sampled_from(["playback_started", "x"])),
    st.tuples(st.just("raw"), st.sampled_from([b"{", b'{"uptime":true}'])),
    st.tuples(
        st.sampled_from(["go_silent", "lose_sight", "regain_sight", "await_word"]),
        st.none(),
    ),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 10, 29, 30, 31, 61]),
            st.sampled_from([False, False, False, True]),
            steps,
        ),
        max_size=60,
    )
)
def test_a_pulse_changes_nothing_but_the_cost(  # noqa: C901  # steps of each kind
    steps: list[tuple[int, bool, tuple[str, Any]]],
) -> None:
    """With frames and without, all that is known and told is the same at each step."""
    cheap, dear = Side(Frame.of), Side(lambda *_: None)
    now, uptime, heap, others = 1_900_000_000.0, 50, 50_000, {}
    for wait, is_looked_at, (kind, what) in steps:
        now += wait
        uptime += wait
        live = True
        match kind:
            case "constant":
                others = what
            case "heap":
                heap = what
            case "slip":
                uptime = max(0, uptime + what)
            case "reboot":
                uptime = what
            case "clock":
                now += what
            case "kept":
                live = False
        if kind in ("same", "constant", "heap", "slip", "reboot", "clock", "kept"):
            heap += 1
            step: tuple[str, Any] = ("beat", (uptime, heap, others, live))
        else:
            step = (kind, what)
        for side in (cheap, dear):
            side.take(now, step)
        assert cheap.told == dear.told
        # Whoever looks has it all taken in, so nobody is to look each time.
        if is_looked_at:
            assert cheap.known() == dear.known()
    assert cheap.known() == dear.known()


def test_what_changes_nothing_is_parsed_no_more() -> None:
    """A device that says the same over and over is looked into once a minute."""
    side = Side(Frame.of)
    for number in range(60):
        beat = (100 + 10 * number, 50_000 + number % 7, {"x": 1}, True)
        with patch.object(
            Device, "apply", autospec=True, side_effect=Device.apply
        ) as apply:
            side.take(1_900_000_000.0 + 10 * number, ("beat", beat))
        assert apply.called is (number < 3 or number % 6 == 0), number


def test_a_device_that_says_ever_else_is_left_to_the_parser() -> None:
    """What drifts too makes a frame useless, and no other is looked for in vain."""
    side = Side(Mock(side_effect=Frame.of))
    for number in range(20):
        others = {"at": number}
        beat = (100 + 30 * number, 50_000, others, True)
        side.take(1_900_000_000.0 + 30 * number, ("beat", beat))
    assert isinstance(side.frame_of, Mock)
    assert side.frame_of.call_count == 1


def test_what_the_broker_kept_of_what_is_known_is_not_parsed() -> None:
    """After its restart one comes of each device; it is kept, and no sign of life."""
    side = Side(Frame.of)
    for number in range(4):
        beat: tuple[object, ...] = (100 + 30 * number, 50_000, {}, True)
        side.take(1_900_000_000.0 + 30 * number, ("beat", beat))
    last_seen = side.device.last_seen
    with patch.object(messages, "load_object") as load:
        side.take(1_900_000_200.0, ("beat", (190, 40_000, {}, False)))
    assert not load.called
    assert side.device.last_seen == last_seen
    assert side.device.diagnostics.heap_free == 40_000
    *_, record = side.device.received.records()
    assert (record.live, json.loads(record.payload)["uptime"]) == (False, 190)


def test_what_the_broker_kept_is_overruled_by_what_is_said_over_and_over() -> None:
    """It may be older, and the device goes on to say what it said before."""
    side = Side(Frame.of)
    now = 1_900_000_000.0
    for number in range(4):
        side.take(now, ("beat", (100 + number, 50_000, {"reset_reason": 1}, True)))
    assert side.device.pulse is not None
    side.take(now, ("beat", (90, 50_000, {"reset_reason": 4}, False)))
    assert side.device.diagnostics.reset_reason == 4
    side.take(now, ("beat", (104, 50_000, {"reset_reason": 1}, True)))
    assert side.device.diagnostics.reset_reason == 1
    assert side.told[-1][0] & Change.RESET_REASON


def test_an_alert_leaves_the_log_where_it_is_kept() -> None:
    """It has no use for it, and a copy for each device would cost most of a frame."""
    side = Side(Frame.of)
    log = [{"t": 1, "d0": 1, "d1": 0, "ts": 0, "up": 0}]
    for number in range(4):
        beat = (100 + number, 50_000, {"recent_events": log}, True)
        side.take(1_900_000_000.0, ("beat", beat))
    with patch.object(DeviceLog, "member", new_callable=PropertyMock) as member:
        side.take(1_900_000_000.0, ("alert", "WARNING"))
    assert side.device.alerts.active
    member.assert_not_called()


def test_a_restart_right_after_what_changed_nothing() -> None:
    """What was taken in cheaply is what the next uptime is compared with."""
    side = Side(Frame.of)
    for number in range(5):
        beat: tuple[object, ...] = (100 + 10 * number, 50_000, {}, True)
        side.take(1_900_000_000.0 + 10 * number, ("beat", beat))
    side.take(1_900_000_043.0, ("info", "playback_started"))
    for number in range(5, 8):
        beat = (100 + 10 * number, 50_000, {}, True)
        side.take(1_900_000_000.0 + 10 * number, ("beat", beat))
    side.take(1_900_000_080.0, ("beat", (3, 50_000, {}, True)))
    change, occurrences = side.told[-1]
    assert change & Change.RESTART
    assert change & Change.PLAYING
    assert "restarted" in {occurrence.kind for occurrence in occurrences}


def test_no_more_is_kept_than_is_to_be() -> None:
    """However what repeats and what does not take turns."""
    side = Side(Frame.of)
    for number in range(100):
        beat: tuple[object, ...] = (100 + 10 * number, 50_000, {}, True)
        side.take(1_900_000_000.0 + 10 * number, ("beat", beat))
        if number % 3 == 0:
            side.take(1_900_000_001.0 + 10 * number, ("info", "x"))
    received = side.device.received
    assert len(list(received.records())) == KEPT
    assert len(received._last) <= KEPT  # noqa: SLF001
    assert received.live == 134


def test_of_what_nobody_is_told_nothing_comes_each_minute() -> None:
    """The free heap is looked at every ten minutes all the same, for its trend."""
    side = Side(Frame.of)
    side.device.watch(Change.CONNECTIVITY)
    looked = []
    for number in range(200):
        beat: tuple[object, ...] = (100 + 30 * number, 50_000 + number, {}, True)
        with patch.object(
            Device, "apply", autospec=True, side_effect=Device.apply
        ) as apply:
            side.take(1_900_000_000.0 + 30 * number, ("beat", beat))
        if apply.called:
            looked.append(number)
    assert looked == [0, 1, 2, *range(22, 200, 20)]
    side.device.watch(Change.LAST_SEEN)
    side.take(1_900_006_000.0, ("beat", (6100, 50_000, {}, True)))
    change, _ = side.told[-1]
    assert change & Change.LAST_SEEN
    assert side.device.last_seen == 1_900_006_000.0
