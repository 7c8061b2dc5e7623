"""The sessions: events of a fleet in any order."""

from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime
import itertools
import json
import logging
import time
from typing import Any, override

from hypothesis import note, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
import pytest

from custom_components.vesper.const import DOMAIN
from custom_components.vesper.hub.refusals import REFUSAL_TIME
from custom_components.vesper.hub.registry import fleet_unique_id_of, unique_id_of
from custom_components.vesper.hub.subscriptions import SHORT_CONNECTION
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, State, callback
from homeassistant.helpers import entity_registry as er
from tests.common import FLEET, Vesper

from .firmware import (
    BOOT_TIME,
    Firmware,
    Heartbeat,
    alerts,
    garbage,
    heartbeats,
    infos,
)
from .reference import MAX_TIMEOUT, Expected, Fields, Fired, Reference

STEP = 30
"""In seconds: the longest step of time."""
CRUMB = 0.013
"""In seconds: an offset that keeps two times from being equal by chance."""
DEVICE_EVENTS = ("activity", "device_log")
EVENT_KEYS = (*DEVICE_EVENTS, "outage")

numbers = itertools.count()
"""Each session has devices of its own, without earlier state."""
which = st.sampled_from([0, 0, 0, 1, 2])


@dataclass
class Tally:
    """How much was played."""

    sessions: int = 0
    steps: int = 0


class Clock:
    """The only clock, which only `pass_time` advances."""

    def __init__(self, vesper: Vesper) -> None:
        """Freeze the clocks."""
        self._vesper = vesper
        self._moved = 0.0
        real = vesper.hass.loop.time
        vesper.hass.loop.time = lambda: real() + self._moved  # type: ignore[method-assign]

    def pass_time(self, seconds: float) -> None:
        """Advance the time.

        Timers fire in the next turn of the loop.
        """
        self._vesper.freezer.tick(seconds)
        self._moved += seconds


class EventRecorder:
    """Record what event entities fire."""

    def __init__(self, vesper: Vesper) -> None:
        """Start recording."""
        self.fired: dict[tuple[str, str], list[Fired]] = defaultdict(list)
        self._registry = er.async_get(vesper.hass)
        for event_type in (EVENT_STATE_CHANGED, EVENT_STATE_REPORTED):
            vesper.hass.bus.async_listen(event_type, self._async_written, _is_event)

    @callback
    def _async_written(self, event: Event[Any]) -> None:
        """Record the event of an event entity."""
        state: State | None = event.data["new_state"]
        entry = self._registry.async_get(event.data["entity_id"])
        if state is None or entry is None or entry.platform != DOMAIN:
            return
        if (event_type := state.attributes.get("event_type")) is None:
            return
        # Home Assistant shows the last one again when an entity comes back.
        if time.time() - datetime.fromisoformat(state.state).timestamp() > 0.001:
            return
        for key in EVENT_KEYS:
            if entry.unique_id.endswith(f"/{key}"):
                device_id = entry.unique_id.split("/")[1]
                self.fired[device_id, key].append((event_type, dict(state.attributes)))


def _types_of(
    fired: dict[tuple[str, str], list[Fired]],
) -> dict[tuple[str, str], list[str]]:
    """Return the types of the events fired, if any."""
    return {
        key: [event_type for event_type, _ in events]
        for key, events in fired.items()
        if events
    }


@callback
def _is_event(data: Any) -> bool:
    """Accept the writes of event entities."""
    entity_id: str = data["entity_id"]
    return entity_id.startswith("event.")


class Sessions(RuleBasedStateMachine):
    """A fleet of three, its broker, and Home Assistant."""

    def __init__(
        self,
        vesper: Vesper,
        clock: Clock,
        recorder: EventRecorder,
        caplog: pytest.LogCaptureFixture,
        tally: Tally,
    ) -> None:
        """Start at a full minute, with unknown devices."""
        super().__init__()
        self.vesper = vesper
        self.clock = clock
        self.recorder = recorder
        self.caplog = caplog
        self.tally = tally
        tally.sessions += 1
        self.clock.pass_time(60 - time.time() % 60)
        self.reference = Reference()
        number = next(numbers)
        self.devices = [
            Firmware(device_id=f"bell-{number}.{name}", booted=self.now)
            for name in ("A", "b", "C:c")
        ]
        self.ids = [device.device_id for device in self.devices]
        self._faults = 0
        self._connected_at, self._was_short = self.now, False
        self.wait(vesper.reload())
        self.settle()

    @property
    def now(self) -> float:
        """Return the time."""
        return time.time()

    def wait[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and wait for its effects."""
        loop = self.vesper.hass.loop
        result = loop.run_until_complete(coroutine)
        loop.run_until_complete(self.vesper.hass.async_block_till_done())
        return result

    def settle(self) -> None:
        """Discard all recorded events."""
        self.recorder.fired.clear()
        self.caplog.clear()
        self._faults = self.count_faults()

    def count_faults(self) -> int:
        """Return how often a message had a fault."""
        hub = self.vesper.hub
        counters = [
            hub.receiver.stray_faults,
            *(one.faults for one in hub.devices.values()),
        ]
        return sum(counter.total() for counter in counters)

    def publish(
        self, device_id: str, topic: str, payload: bytes, *, live: bool = True
    ) -> None:
        """Publish a message, which is lost while disconnected."""
        note(f"{device_id}/{topic} {'live' if live else 'retained'}: {payload[:400]!r}")
        if not self.reference.connected:
            return
        # The client takes a retained message once for each connection; here any may
        # be the first.
        self.vesper.mqtt._retained_topics.clear()  # noqa: SLF001
        self.wait(self.vesper.publish(device_id, topic, payload, retain=not live))
        bad = self.reference.receive(device_id, topic, payload, live=live, now=self.now)
        faults = self.count_faults()
        assert (faults > self._faults) is bad, "something wrong is counted"
        self._faults = faults

    def pass_time(self, seconds: float) -> None:
        """Advance the time."""
        while seconds > 0:
            step = min(STEP, seconds)
            seconds -= step
            self.clock.pass_time(step)
            self.wait(self.vesper.hass.async_block_till_done())
            self.reference.pass_time(self.now)

    def send_heartbeat(self, device: Firmware, heartbeat: Heartbeat) -> None:
        """Send a heartbeat, which the broker retains."""
        payload = heartbeat.of(device, self.now)
        device.sent.append(payload)
        device.retained = payload
        self.publish(device.device_id, "heartbeat", payload)

    def replay(self) -> None:
        """Publish the retained messages, as after a subscription."""
        for device in self.devices:
            if device.retained:
                self.publish(device.device_id, "heartbeat", device.retained, live=False)

    @initialize(first_heartbeats=st.lists(heartbeats, max_size=2))
    def known_from_the_start(self, first_heartbeats: list[Heartbeat]) -> None:
        """Let some devices send a heartbeat first."""
        for device, heartbeat in zip(self.devices, first_heartbeats, strict=False):
            device.boot(self.now, 1)
            self.pass_time(STEP + CRUMB)
            self.send_heartbeat(device, heartbeat)

    @rule(which=which, heartbeat=heartbeats)
    def heartbeat(self, which: int, heartbeat: Heartbeat) -> None:
        """Send a heartbeat."""
        self.send_heartbeat(self.devices[which], heartbeat)

    @rule(which=which, seconds=st.sampled_from([1, 30]))
    def usual_heartbeat(self, which: int, seconds: int) -> None:
        """Send two heartbeats that differ only in the uptime.

        The second one changes nothing.
        """
        device = self.devices[which]
        usual = Heartbeat(fields={"heap_free": 65_536})
        self.send_heartbeat(device, usual)
        self.pass_time(seconds + CRUMB)
        self.caplog.clear()
        self.send_heartbeat(device, usual)
        assert self.reference.fired or not self.logged(logging.INFO)

    @rule(which=which, age=st.sampled_from([1, 1, 2, 3]))
    def replayed_heartbeat(self, which: int, age: int) -> None:
        """Publish a retained heartbeat, perhaps an older one."""
        device = self.devices[which]
        if len(device.sent) >= age:
            self.publish(device.device_id, "heartbeat", device.sent[-age], live=False)

    @rule(which=which, alert=alerts, live=st.sampled_from([True, True, True, False]))
    def alert(self, which: int, alert: Fields, live: bool) -> None:  # noqa: FBT001
        """Send an alert."""
        payload = json.dumps(alert).encode()
        self.publish(self.ids[which], "alerts", payload, live=live)

    @rule(which=which, info=infos, live=st.sampled_from([True, True, True, False]))
    def info(self, which: int, info: Fields, live: bool) -> None:  # noqa: FBT001
        """Send an info message."""
        payload = json.dumps(info).encode()
        self.publish(self.ids[which], "info", payload, live=live)

    @rule(
        device_id=which | st.sampled_from(["", "ä", "x" * 65, "a b", "{{1}}", "..%s"]),
        topic=st.sampled_from(["heartbeat", "alerts", "info"]),
        payload=garbage,
        live=st.booleans(),
    )
    def garbage(
        self,
        device_id: int | str,
        topic: str,
        payload: bytes,
        live: bool,  # noqa: FBT001
    ) -> None:
        """Publish any bytes, also under invalid ids."""
        if isinstance(device_id, int):
            self.publish(self.ids[device_id], topic, payload, live=live)
        elif self.reference.connected and payload:
            self.wait(self.vesper.publish(device_id, topic, payload))
            self._faults = self.count_faults()

    @rule(
        which=which,
        tag=st.sampled_from([2, 3, 5, 6, 99]),
        data=st.sampled_from([65_483, 65_470, 8, 255, 8, 255, "bad"]),
        count=st.sampled_from([1, 1, 2, 7]),
    )
    def log(self, which: int, tag: int, data: Any, count: int) -> None:
        """Write to the event log of a device."""
        if tag == 2 and data in (8, 255):
            data = 65_490
        for _ in range(count):
            self.devices[which].note(tag, data, self.now)

    @rule(which=which)
    def empty_log(self, which: int) -> None:
        """Clear the event log of a device."""
        self.devices[which].log.clear()

    @rule(which=which, reason=st.sampled_from([1, 4, 9]))
    def reboot(self, which: int, reason: int) -> None:
        """Restart a device."""
        self.pass_time(BOOT_TIME + CRUMB)
        self.devices[which].boot(self.now, reason)

    @precondition(lambda self: self.reference.connected)
    @rule(
        which=which,
        reason=st.sampled_from([1, 4, 9]),
        noted=st.sets(st.integers(0, 5)),
    )
    def reboot_without_clock(self, which: int, reason: int, noted: set[int]) -> None:
        """Restart a device that has no clock.

        The restart is detected by its uptime.
        """
        device = self.devices[which]
        for number in range(6):
            if number % 2 == 0:
                self.pass_time(BOOT_TIME + CRUMB)
                device.boot(self.now, reason, has_clock=number == 0)
                device.sent.clear()
            self.pass_time(STEP if number % 2 else 1)
            if number in noted:
                device.note(3, 8, self.now)
            self.send_heartbeat(device, Heartbeat(fields={}))

    @rule(seconds=st.sampled_from([1, 1, 10, 31, 59, 61, 89, 91, 200, 700]))
    def time_passes(self, seconds: int) -> None:
        """Advance the time."""
        self.pass_time(seconds + CRUMB)

    @rule(which=which)
    def long_online(self, which: int) -> None:
        """Keep a device online until unconfirmed alerts close."""
        for _ in range(8):
            self.pass_time(80 + CRUMB)
            self.send_heartbeat(self.devices[which], Heartbeat(fields={}))

    @precondition(lambda self: self.reference.connected)
    @rule()
    def disconnect_broker(self) -> None:
        """Disconnect from the broker."""
        # After two short connections in a row, refused topics are searched for.
        if self._was_short:
            self.pass_time(SHORT_CONNECTION + CRUMB)
        self._was_short = self.now - self._connected_at < SHORT_CONNECTION
        self.wait(self.vesper.disconnect_broker())
        self.reference.disconnect_broker()

    @precondition(lambda self: not self.reference.connected)
    @rule(retains=st.booleans())
    def reconnect_broker(self, retains: bool) -> None:  # noqa: FBT001
        """Reconnect to the broker, with retained messages or not."""
        self.wait(self.vesper.reconnect_broker())
        self._connected_at = self.now
        self.reference.reconnect_broker(self.now)
        if retains:
            self.replay()

    @rule(retains=st.booleans())
    def restart(self, retains: bool) -> None:  # noqa: FBT001
        """Reload the entry, as a restart does."""
        before = {
            entity_id: self.vesper.hass.states.get(entity_id)
            for entity_id in self.entity_ids(EVENT_KEYS)
        }
        self.wait(self.vesper.reload())
        self._connected_at, self._was_short = self.now, False
        self.reference.restart(self.now)
        for entity_id, state in before.items():
            now = self.vesper.hass.states.get(entity_id)
            assert state is not None
            assert now is not None
            assert now.state == state.state, f"{entity_id} has fired"
        self.settle()
        if retains:
            self.replay()

    @precondition(lambda self: self.reference.connected)
    @rule(which=which)
    def remove(self, which: int) -> None:
        """Remove a device that is offline."""
        if self.ids[which] in self.reference.bells:
            self.pass_time(self.reference.bells[self.ids[which]].timeout + CRUMB)
            self.remove_device(self.devices[which])

    def remove_device(self, device: Firmware) -> None:
        """Remove a device."""
        self.wait(self.vesper.hub.async_remove_device(device.device_id))
        self.reference.remove_device(device.device_id)
        device.retained = b""
        # A broker that disconnects at once, twice in an hour, refuses the removal.
        self.pass_time(REFUSAL_TIME + CRUMB)
        self._faults = self.count_faults()

    @invariant()
    def all_is_shown(self) -> None:
        """Compare all states with the reference."""
        self.tally.steps += 1
        self.compare_events()
        for key, state in self.reference.fleet().items():
            self.compare(FLEET, key, state, {})
        for device_id in self.ids:
            shown_keys = (
                set(DEVICE_EVENTS) if device_id in self.reference.bells else set()
            )
            if device_id in self.reference.bells:
                for key, wanted, attributes in self.reference.device(device_id):
                    self.compare(device_id, key, wanted, attributes)
                    shown_keys.add(key)
            assert self.vesper.keys(device_id) == shown_keys
        self.look_at_log()

    def compare_events(self) -> None:
        """Compare the step's events by type and details."""
        expected, fired = self.reference.take_fired(), dict(self.recorder.fired)
        self.recorder.fired.clear()
        assert _types_of(fired) == _types_of(expected)
        for key, events in fired.items():
            for (_, shown), (_, wanted) in zip(events, expected[key], strict=True):
                assert wanted.items() <= shown.items(), key

    def compare(
        self, device_id: str, key: str, expected: Expected, attributes: Fields
    ) -> None:
        """Compare an entity's state with the expected one."""
        (entity_id,) = self.entity_ids((key,), device_id)
        state = self.vesper.hass.states.get(entity_id)
        assert state is not None
        details = f"{device_id} {key}: {state.state} {dict(state.attributes)}"
        if isinstance(expected, str):
            assert state.state == expected, details
        else:
            assert expected(state.state), details
        assert attributes.items() <= state.attributes.items(), details
        if key.startswith("alert_"):
            assert ("message" in state.attributes) is ("message" in attributes), details
            assert ("closed_by" in state.attributes) is ("closed_by" in attributes)

    def entity_ids(self, keys: tuple[str, ...], device_id: str = "") -> list[str]:
        """Return the entity ids of some keys.

        They are of one device, or of all.
        """
        registry = er.async_get(self.vesper.hass)
        entries = er.async_entries_for_config_entry(registry, FLEET)
        if device_id:
            wanted = {
                fleet_unique_id_of(FLEET, key)
                if device_id == FLEET
                else unique_id_of(FLEET, device_id, key)
                for key in keys
            }
            return [one.entity_id for one in entries if one.unique_id in wanted]
        return [
            one.entity_id
            for one in entries
            if one.unique_id.endswith(tuple(f"/{key}" for key in keys))
        ]

    def logged(self, least: int) -> list[str]:
        """Return the integration's log since the last step."""
        return [
            record.getMessage()
            for record in self.caplog.records
            if record.levelno >= least and record.name.startswith("custom_components")
        ]

    def look_at_log(self) -> None:
        """Check for errors and injected lines in the log."""
        errors = [
            record.getMessage()
            for record in self.caplog.records
            if record.levelno >= logging.ERROR
        ]
        assert not errors
        for line in self.logged(logging.DEBUG):
            assert line.isprintable(), "one message is one line"
            assert len(line) < 500, "and no long one"
        self.caplog.clear()

    @override
    def teardown(self) -> None:
        """Remove all devices before the next session."""
        if not self.vesper.hub.connected:
            self.wait(self.vesper.reconnect_broker())
        self.clock.pass_time(MAX_TIMEOUT + CRUMB)
        self.wait(self.vesper.hass.async_block_till_done())
        for device_id in tuple(self.vesper.hub.devices):
            self.wait(self.vesper.hub.async_remove_device(device_id))
