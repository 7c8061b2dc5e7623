"""Receive messages and apply them to the devices."""

from collections.abc import Callable
from time import monotonic, time
from typing import assert_never

from homeassistant.core import callback

from ..const import LOGGER
from ..model.change import Change
from ..model.device import Device
from ..model.fault_counter import FaultCounter
from ..model.fault_streak import FaultStreak
from ..model.message_log import MAX_KEPT_BYTES, Record
from ..model.post_limit import AddressLimits
from ..protocol.alert import Alert
from ..protocol.fields import (
    MAX_NAME_LENGTH,
    Fault,
    FaultKind,
    Malformed,
    is_object_like,
)
from ..protocol.heartbeat import Heartbeat, parse_heartbeat
from ..protocol.info import RETAINED_INFO, Info
from ..protocol.message import Message
from ..protocol.post import POST, Post
from ..protocol.topics import DEVICE_ID_WANTED, Source, is_device_id
from .admission import Admission
from .offline_monitor import OfflineMonitor


class MessageReceiver:
    """Apply all messages, however they arrive."""

    def __init__(  # noqa: PLR0913  # all that a message can affect
        self,
        devices: dict[str, Device],
        rejected: dict[str, Device],
        admission: Admission,
        monitor: OfflineMonitor,
        *,
        async_add: Callable[[Device, Change], Change],
        async_changed: Callable[[Device, Change], None],
    ) -> None:
        """Set the devices and the callbacks.

        `rejected` are the devices that did not fit at the start. `async_add` gets a new
        device and the change of its first message, and returns what listeners still
        have to be notified of.
        """
        self.stray_faults = FaultCounter()
        """The faults of messages that added no device."""
        self.address_limits = AddressLimits()
        self.received = 0
        """How many messages of devices were received."""
        self.dropped = 0
        """How many messages of unknown devices added none."""
        self._devices = devices
        self._rejected = rejected
        self._admission = admission
        self._monitor = monitor
        self._async_add = async_add
        self._async_changed = async_changed

    @callback
    def async_receive(
        self, source: Source, device_id: str, payload: bytes, *, live: bool
    ) -> None:
        """Receive a message, which may add its device.

        `live` says whether it was not retained by the broker. Not every live message is
        a sign of life, see `_apply`.
        """
        now = time()
        device = self._devices.get(device_id)
        known_events = device.telemetry.event_log.text if device else b""
        message = source.parse(payload, device_id, known_events)
        if device is not None:
            change = self._apply(source, device, payload, message, live=live, now=now)
        elif self._admits(device_id, message, live=live):
            device = self._rejected.pop(device_id, None) or Device(device_id=device_id)
            change = self._apply(source, device, payload, message, live=live, now=now)
            change = self._async_add(device, change)
        else:
            self.dropped += 1
            first = self.stray_faults.add(source.name, message.faults)
            _log_faults(source, device_id, first)
            return
        if change:
            self._async_changed(device, change)

    @callback
    def async_receive_post(self, post: Post) -> bool:
        """Receive a posted heartbeat; return whether it was accepted.

        One with a fault is counted and otherwise ignored. A new device may be rejected.
        """
        device_id, device = post.device_id, self._devices.get(post.device_id)
        if post.faults:
            if device is None:
                self.dropped += 1
                first = self.stray_faults.add(POST.name, post.faults)
            else:
                device.post_limit.record(monotonic())
                first = device.faults.add(POST.name, post.faults)
            _log_faults(POST, device_id, first)
            return False
        self.async_receive(POST, device_id, post.payload, live=True)
        if (device := self._devices.get(device_id)) is None:
            return False
        device.message_log.posts += 1
        device.post_limit.record(monotonic())
        return True

    def _apply(  # noqa: PLR0913  # all that is known of a message
        self,
        source: Source,
        device: Device,
        payload: bytes,
        message: Message,
        *,
        live: bool,
        now: float,
    ) -> Change:
        """Record and apply a message; return what it changed."""
        stored, events = payload, b""
        if is_heartbeat := isinstance(message, Heartbeat):
            stored = message.payload
            if stored is not payload:
                # The entries that it repeats are kept only once.
                events = device.telemetry.event_log.text
        record = Record(now, source.name, live, stored[:MAX_KEPT_BYTES], events)
        self.received += 1
        # A last will (LWT) in plain text is live, but no sign of life.
        is_alive = live and (
            not isinstance(message, Malformed) or is_object_like(payload)
        )
        change = device.apply(
            message,
            live=is_alive,
            now=now,
            monotonic=monotonic(),
            posted=source is POST,
        )
        is_stale = change is Change.STALE
        device.message_log.record(record, is_heartbeat=is_heartbeat and not is_stale)
        if message.faults:
            first = device.faults.add(source.name, message.faults)
            _log_faults(source, device.device_id, first)
        if is_stale:
            return Change.NOTHING
        if is_alive:
            self._monitor.async_touch(device)
        if message.faults and live and source.parse is parse_heartbeat:
            if device.fault_streak is None:
                device.fault_streak = FaultStreak(began=now, last=now)
            device.fault_streak.add(message.faults, now)
        return change

    def _admits(self, device_id: str, message: Message, *, live: bool) -> bool:
        """Return whether a message may add its device."""
        if not is_device_id(device_id):
            message.faults.append(
                Fault(
                    path="topic",
                    kind=FaultKind.INVALID,
                    reason=f"must name the device by {DEVICE_ID_WANTED}",
                )
            )
            return False
        match message:
            case Malformed():
                return False
            case Info() if not live:
                message.faults.append(RETAINED_INFO)
                return False
            case Heartbeat() | Alert() | Info():
                return self._admission.async_admits_device(device_id)
            case _:
                assert_never(message)


def _log_faults(source: Source, device_id: str, faults: list[Fault]) -> None:
    """Log faults that are the first of their kind."""
    for fault in faults:
        LOGGER.warning(
            "Malformed %s from %s: %s %s; further ones are counted, not logged",
            source.name,
            ascii(device_id[:MAX_NAME_LENGTH]),
            fault.path or "the payload",
            fault.reason,
        )
