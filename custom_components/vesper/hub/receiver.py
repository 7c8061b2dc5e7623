"""Take in what devices say, by whichever way it comes: the one way in."""

from collections import Counter
from collections.abc import Callable
from time import monotonic, time

from homeassistant.core import callback

from ..const import LOGGER
from ..model.change import Changes
from ..model.device import Device
from ..model.frame import MAX_KEPT_BYTES
from ..model.post_schedule import POST, Post
from ..model.pulse import Pulse
from ..protocol.messages import (
    MAX_NAME_LENGTH,
    RETAINED_INFO,
    Fault,
    FaultKind,
    Heartbeat,
    Info,
    Malformed,
    Message,
    parse_heartbeat,
)
from ..protocol.topics import DEVICE_ID_WANTED, HEARTBEAT, Source, is_device_id
from .admission import Admission
from .offline_monitor import Watch

type TakeIn = Callable[[str, bytes, bool], None]


class Intake:
    """Let payloads take effect on their devices, and count what was wrong with them."""

    def __init__(  # noqa: PLR0913  # all whom a message can concern
        self,
        devices: dict[str, Device],
        left_out: dict[str, Device],
        admission: Admission,
        watch: Watch,
        *,
        async_add: Callable[[Device, Changes], Changes],
        async_changed: Callable[[Device, Changes], None],
    ) -> None:
        """Take the devices, and whom to tell of a new one and of what changed.

        With them come those known from before for which there was no room so far.
        What adds a new device returns what is left to tell of the change that made it.
        """
        self.stray_faults: Counter[tuple[str, str, FaultKind]] = Counter()
        """What was wrong with messages of senders that are no device."""
        self.dropped = 0
        """How many messages made no device."""
        self._devices = devices
        self._left_out = left_out
        self._admission = admission
        self._watch = watch
        self._async_add = async_add
        self._async_changed = async_changed
        self._take_in_post = self.of(POST)

    def of(self, source: Source) -> TakeIn:
        """Return what takes in a payload of a source: whose, what, and if live."""
        # Looked up once: every message passes here.
        meet, take_in, devices = self._async_meet, self._async_take_in, self._devices
        is_heartbeat = source is HEARTBEAT

        @callback
        def _async_take_in(device_id: str, payload: bytes, live: bool) -> None:  # noqa: FBT001
            """Let a payload take effect on its device, which it may make."""
            now = time()
            if (device := devices.get(device_id)) is None:
                meet(source, device_id, payload, live=live, now=now)
            # What the broker kept is no sign of life, and posts have a rhythm to keep.
            elif (
                not is_heartbeat
                or not live
                or (pulse := device.pulse) is None
                or (numbers := pulse.frame.read(payload)) is None
            ):
                take_in(source, device, payload, live=live, now=now)
            elif not pulse.beat(now, heard := monotonic(), *numbers):
                heartbeat = pulse.frame.heartbeat(payload, *numbers)
                self._async_repeat(device, pulse, heartbeat, now=now, heard=heard)

        return _async_take_in

    @callback
    def _async_repeat(
        self,
        device: Device,
        pulse: Pulse,
        heartbeat: Heartbeat,
        *,
        now: float,
        heard: float,
    ) -> None:
        """Let a live heartbeat take effect that says the same but for what drifts."""
        device.catch_up()
        if not device.received.follows(pulse):
            device.pulse = pulse = Pulse(pulse.frame)
            device.received.follow(pulse)
        pulse.add(now, heard, heartbeat)
        device.received.drop_old()
        self._watch.async_touch(device.device_id)
        # What has no fault itself adds none.
        if change := device.apply(heartbeat, live=True, now=now):
            self._async_changed(device, change)

    @callback
    def _async_take_in(
        self, source: Source, device: Device, payload: bytes, *, live: bool, now: float
    ) -> None:
        """Let a payload of a known device take effect."""
        # After a restart of the broker there comes one of each device.
        if (
            not live
            and source is HEARTBEAT
            and (pulse := device.pulse) is not None
            and (numbers := pulse.frame.read(payload)) is not None
        ):
            message: Message = pulse.frame.heartbeat(payload, *numbers)
        else:
            # Nothing else holds them, and to ask has them cut out.
            is_heartbeat = source.parse is parse_heartbeat
            known_events = device.diagnostics.log.member if is_heartbeat else b""
            message = source.parse(payload, device.device_id, known_events)
        if change := self._async_apply(
            source, device, payload, message, live=live, now=now
        ):
            self._async_changed(device, change)

    @callback
    def _async_meet(
        self, source: Source, device_id: str, payload: bytes, *, live: bool, now: float
    ) -> None:
        """Let a payload of nobody known make a device, if it may."""
        message = source.parse(payload, device_id, b"")
        if not self._async_admits(device_id, message, live=live):
            self.dropped += 1
            self._count_faults(source, device_id, message, self.stray_faults)
            return
        device = self._left_out.pop(device_id, None) or Device(device_id=device_id)
        change = self._async_apply(source, device, payload, message, live=live, now=now)
        if change := self._async_add(device, change):
            self._async_changed(device, change)

    @callback
    def _async_apply(  # noqa: PLR0913  # all that is known of it
        self,
        source: Source,
        device: Device,
        payload: bytes,
        message: Message,
        *,
        live: bool,
        now: float,
    ) -> Changes:
        """Keep a message, let it take effect, and return what it changed."""
        text, events = payload, b""
        if is_heartbeat := type(message) is Heartbeat:
            text, events = message.text, message.known_events
        noted = (now, source.name, live, text[:MAX_KEPT_BYTES], events)
        device.received.note(noted, is_heartbeat=is_heartbeat)
        if live:
            self._watch.async_touch(device.device_id)
        change = device.apply(message, live=live, now=now)
        if message.faults:
            self._count_faults(source, device.device_id, message, device.faults)
            if live and source.parse is parse_heartbeat:
                device.note_malformed(message.faults, now)
        return change

    @callback
    def async_take_post(self, post: Post) -> bool:
        """Let a posted heartbeat take effect, and tell whether it did.

        One with a fault is counted and no more; there may be no room for a new device.
        """
        now = monotonic()
        device_id, device = post.device_id, self._devices.get(post.device_id)
        if post.faults:
            if device is None:
                self.dropped += 1
                self._count_faults(POST, device_id, post, self.stray_faults)
            else:
                device.posts.note(now)
                self._count_faults(POST, device_id, post, device.faults)
            return False
        if device is not None:
            # Alerts come by MQTT alone: who posts may have no way to raise them.
            device.wait_anew()
        self._take_in_post(device_id, post.payload, True)  # noqa: FBT003
        if (device := self._devices.get(device_id)) is None:
            return False
        device.received.posts += 1
        device.posts.note(now)
        device.posts.accept(now)
        self._watch.async_be_patient(device_id, device.patience)
        return True

    @callback
    def _async_admits(self, device_id: str, message: Message, *, live: bool) -> bool:
        """Tell whether a sender is a device and there is room for it."""
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
        return self._admission.async_admits_device(device_id, len(self._devices))

    def _count_faults(
        self,
        source: Source,
        device_id: str,
        message: Message | Post,
        faults: Counter[tuple[str, str, FaultKind]],
    ) -> None:
        """Count what was wrong with a message, and log the first of each kind."""
        for fault in message.faults:
            key = (source.name, fault.field, fault.kind)
            faults[key] += 1
            if faults[key] == 1:
                LOGGER.warning(
                    "Malformed %s from %s: %s %s; counted from now on, not logged",
                    source.name,
                    ascii(device_id[:MAX_NAME_LENGTH]),
                    fault.path or "the payload",
                    fault.reason,
                )
