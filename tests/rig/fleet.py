"""Simulated devices with stories, over one MQTT connection.

A story starts when `start_stories` is called; until then its device sends heartbeats
and nothing else. Alerts and playback are not retained and are sent once, so a client
must subscribe before that call.

The command line is `python -m tests.rig.fleet --help`.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
import heapq
from itertools import islice
import logging
import math
from pathlib import Path
import random
import signal
import sys
import threading
import time
from typing import Any, Final, Self

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.rig import arguments
from tests.rig.firmware import (
    HEARTBEAT_SECONDS,
    Firmware,
    Publication,
    RebootCause,
    ResetReason,
    Severity,
    Version,
)
from tests.rig.sites import PREFIX

# A story changes its device and yields the seconds of device time until the next time.
type Story = Iterator[float]
type StoryFactory = Callable[[Firmware, random.Random], Story]

_LOGGER = logging.getLogger("vesper.fleet")
_HEARTBEATS = logging.getLogger("vesper.fleet.heartbeats")

_DAY: Final = 86_400
_HOUR: Final = 3_600
_MINUTE: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """The firmware version and the story of a device."""

    story: StoryFactory
    version: Version = "1.1.0"


def _is_well(_device: Firmware, _rng: random.Random) -> Story:
    """Send heartbeats only."""
    yield from ()


def _has_alert(subsystem: str, state: Severity, message: str) -> StoryFactory:
    """Return the story of an alert that stays."""

    def story(device: Firmware, _rng: random.Random) -> Story:
        device.raise_alert(subsystem, state, message)
        yield from ()

    return story


def _goes_offline(device: Firmware, _rng: random.Random) -> Story:
    """Disconnect after the first heartbeats."""
    yield 1.5 * HEARTBEAT_SECONDS
    device.disconnect_wifi()


def _plays(device: Firmware, _rng: random.Random) -> Story:
    """Play melodies most of the time."""
    while True:
        device.start_playback("EVENSONG")
        yield 10 * _MINUTE
        device.stop_playback()
        yield 20


_FAULTS: Final = (
    ("FileManager", "SD mount failed"),
    ("TimeKeeper", "NTP sync failed"),
    ("Player", "amplifier does not answer"),
    ("Networking", "broker unreachable"),
)
_SEVERITIES: Final[tuple[Severity, ...]] = ("WARNING", "WARNING", "CRITICAL", "FAILED")
_MELODIES: Final = ("ANGELUS", "EVENSONG", "MATINS", "WESTMINSTER")
_ACTS: Final = {
    "alert": 8,
    "clear": 10,
    "play": 4,
    "stop": 4,
    "call": 5,
    "failed call": 1,
    "reboot": 1,
    "reset": 1,
    "disconnect": 2,
}


def _lives(device: Firmware, rng: random.Random) -> Story:
    """Change the device at random, about every two minutes."""
    while True:
        yield rng.expovariate(1 / (2 * _MINUTE))
        act = rng.choices(list(_ACTS), list(_ACTS.values()))[0]
        if act != "disconnect":
            _happens(device, act, rng)
        elif not device.playing:  # playback would be unknown afterwards
            device.disconnect_wifi()
            yield rng.uniform(2 * _MINUTE, 10 * _MINUTE)
            device.reconnect_wifi()


def _happens(device: Firmware, act: str, rng: random.Random) -> None:
    match act:
        case "alert":
            subsystem, message = rng.choice(_FAULTS)
            device.raise_alert(subsystem, rng.choice(_SEVERITIES), message)
        case "clear":
            device.clear_alert(rng.choice(_FAULTS)[0])
        case "play":
            device.start_playback(rng.choice(_MELODIES))
        case "stop":
            device.stop_playback()
        case "call":
            device.call_succeeded("/api/v1/heartbeat", rng.randrange(40, 900))
        case "failed call":
            device.call_failed("/api/v1/heartbeat", 503)
        case "reboot":
            device.restart(cause=rng.choice(list(RebootCause)))
        case "reset":
            device.restart(rng.choice(list(ResetReason)))


# A role that every device plays, or a cast: the devices' ids, each with its own role.
SCENARIOS: Final[Mapping[str, Role | Mapping[str, Role]]] = {
    "idle": Role(story=_is_well),
    "lively": Role(story=_lives),
    "cast": {
        "chapel": Role(story=_has_alert("FileManager", "WARNING", "SD mount failed")),
        "school-hall": Role(
            story=_has_alert("TimeKeeper", "CRITICAL", "NTP sync failed")
        ),
        # In this order, each of two sites has one of the alerts.
        "gatehouse": Role(story=_goes_offline),
        "tower": Role(story=_plays),
        "library": Role(story=_is_well),
        "courtyard": Role(story=_is_well, version="1.0.0"),
    },
}


# The states of Home Assistant for the codes that devices report.
_RESET_REASONS: Final = {reason.value: reason.name.lower() for reason in ResetReason}


def expected_states(device: Firmware) -> dict[str, str]:
    """Return a device's expected states, by entity key.

    These are the entities that are enabled by default and whose states follow from
    what the device has sent, whenever that arrived: not `boot_time`, the throttled
    `heap_free`, and `maintenance`, which is not of the device. States are as Home
    Assistant writes them; keys are those of the entity descriptions, with one
    `alert_{subsystem}` for every subsystem that the device ever reported. They apply
    to a client that received all messages, once timeouts are over: 90 s for an offline
    device, 10 minutes for alerts from before a restart.
    """
    reported = device.reported
    severities = ("ok", "warning", "critical", "failed")
    alerts = {
        f"alert_{subsystem}": alert.state.lower() if alert else "ok"
        for subsystem, alert in reported.items()
    }
    active = [state for state in alerts.values() if state != "ok"]
    if not device.online:
        playing = melody = "unavailable"
    elif not device.playback_reported:
        playing = melody = "unknown"
    else:
        playing = "on" if device.playing else "off"
        melody = device.melody or "unknown"
    reset_reason = "unknown"
    if device.version != "1.0.0":
        reset_reason = _RESET_REASONS[device.reset_reason]
    return {
        "connectivity": "on" if device.online else "off",
        "health": max(active, key=severities.index, default="ok"),
        "active_alerts": str(len(active)),
        "playing": playing,
        "melody": melody,
        "reset_reason": reset_reason,
        **alerts,
    }


@dataclass(slots=True, eq=False)
class _Actor:
    """A device, its story, and when either is due."""

    firmware: Firmware
    story: Story
    story_due: float = math.inf
    due: float = field(default=math.nan, init=False)


class Fleet:
    """Simulated devices that run until they are stopped.

    Two threads: paho's, and one that runs when the next device is due. While the
    broker is down the devices continue and their messages are lost, as with real
    devices; paho reconnects by itself.
    """

    def __init__(  # noqa: PLR0913  # a handful of choices, each with its usual value
        self,
        host: str,
        port: int,
        *,
        prefix: str = PREFIX,
        devices: int | Sequence[str] | Mapping[str, Role] | None = None,
        scenario: str = "idle",
        speed: float = 1.0,
        seed: int = 0,
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        """Make the devices of a scenario, not started yet.

        `devices` is how many or which ids, None for the scenario's own (six if
        it names none), or the devices with their roles. `speed` is seconds of device
        time per real second: at anything but 1 the times of events differ from the
        clock. Raises ValueError for invalid values.
        """
        if not (math.isfinite(speed) and speed > 0):
            msg = f"speed must be a number above 0, not {speed}"
            raise ValueError(msg)
        if not prefix or prefix.strip("/") != prefix or set("+#\0") & set(prefix):
            msg = (
                "prefix must be topic levels such as site1/vesper, without wildcards"
                f" or outer slashes, not {prefix!r}"
            )
            raise ValueError(msg)
        self._host = host
        self._port = port
        self.prefix: Final = prefix
        self._speed = speed
        self._origin: float | None = None
        self._connected = False
        self._refused: str | None = None
        self._stopping = False
        # Guards all the state, the devices' too, and notifies threads of a change.
        self._changed = threading.Condition()
        # Devices of other prefixes differ.
        rng = random.Random(f"{seed}/{prefix}")  # noqa: S311  # no secret is drawn
        self._actors = self._make_actors(_roles(scenario, devices), rng)
        self._agenda: list[tuple[float, str]] = []
        self._scheduler = threading.Thread(
            target=self._run, name="vesper-fleet", daemon=True
        )
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.username_pw_set(username, password)
        self._client.reconnect_delay_set(1, 2)
        # The limit is meant for one device: one late response would delay all others.
        self._client.max_inflight_messages_set(0)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    @property
    def device_ids(self) -> tuple[str, ...]:
        """The devices, in the scenario's order."""
        return tuple(self._actors)

    def __enter__(self) -> Self:
        """Start the fleet."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the fleet."""
        self.stop()

    def start(self, timeout: float = 10.0) -> None:
        """Connect and start the heartbeats.

        A fleet is started only once.

        Raises ConnectionError when the broker rejects the connection, or does
        not respond within `timeout` seconds.
        """
        self._client.connect_async(self._host, self._port, keepalive=15)
        self._client.loop_start()
        if not self.wait_until_connected(timeout):
            self.stop()
            reason = (
                f"refused the devices: {self._refused}"
                if self._refused
                else f"did not answer within {timeout:g} s"
            )
            msg = f"The MQTT broker at {self._host}:{self._port} {reason}"
            raise ConnectionError(msg)
        with self._changed:
            self._origin = time.monotonic()
            for actor in self._actors.values():
                self._schedule(actor)
        self._scheduler.start()
        _LOGGER.info(
            "%d devices live under %s on %s:%d",
            len(self._actors),
            self.prefix,
            self._host,
            self._port,
        )

    def stop(self) -> None:
        """Disconnect from the broker, which keeps the retained heartbeats."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._scheduler.is_alive():
            self._scheduler.join()
        self._client.disconnect()
        self._client.loop_stop()

    def wait_until_connected(self, timeout: float) -> bool:
        """Wait for the broker; return false after a timeout.

        `timeout` is in seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._refused, timeout)
            return self._connected

    def start_stories(self) -> None:
        """Start the stories, once all clients have subscribed."""
        with self._changed:
            now = self._now()
            for actor in self._actors.values():
                actor.story_due = now
                self._schedule(actor)
            self._changed.notify_all()

    def expected(self) -> dict[str, str]:
        """Return the `expected_states`, by `{device_id}/{key}`."""
        with self._changed:
            return {
                f"{device_id}/{key}": state
                for device_id, actor in self._actors.items()
                for key, state in expected_states(actor.firmware).items()
            }

    @contextmanager
    def device(self, device_id: str) -> Iterator[Firmware]:
        """Lock a device, to read or change it.

        What it publishes by that is sent when the block ends. The whole fleet
        waits meanwhile, so wait for nothing in the block. Raises KeyError for
        an id that is not of this fleet.
        """
        with self._changed:
            actor = self._actors[device_id]
            self._publish(actor.firmware.tick(self._now()))
            yield actor.firmware
            self._publish(actor.firmware.tick(self._now()))
            self._schedule(actor)
            self._changed.notify_all()

    def _make_actors(
        self, roles: Mapping[str, Role], rng: random.Random
    ) -> dict[str, _Actor]:
        """Make the devices, with uptimes of hours to days.

        Their first heartbeats come soon.
        """
        epoch = time.time()
        # Spread, so that the devices of a large fleet do not all send at once.
        stagger = min(0.1, HEARTBEAT_SECONDS / len(roles))
        actors = {}
        for index, (device_id, role) in enumerate(roles.items()):
            # By the clock: another fleet that is started later goes on with it, so its
            # heartbeats are not taken for late ones.
            phase = int(epoch) + rng.randrange(0, 6 * _DAY, HEARTBEAT_SECONDS)
            uptime = _HOUR + phase % (6 * _DAY)
            # It sends whenever its uptime is a multiple of this, so the first one soon.
            uptime -= uptime % HEARTBEAT_SECONDS
            firmware = Firmware(
                device_id,
                prefix=self.prefix,
                version=role.version,
                booted=index * stagger - uptime,
                epoch=epoch,
                speed=self._speed,
            )
            own_rng = random.Random(rng.random())  # noqa: S311  # no secret is drawn
            actors[device_id] = _Actor(firmware, role.story(firmware, own_rng))
        return actors

    def _now(self) -> float:
        """Return the device time, 0 at the start."""
        return (
            0.0
            if self._origin is None
            else (time.monotonic() - self._origin) * self._speed
        )

    def _run(self) -> None:
        with self._changed:
            while not self._stopping:
                now = self._now()
                while self._agenda and self._agenda[0][0] <= now:
                    due, device_id = heapq.heappop(self._agenda)
                    # Only the last entry of a device in the agenda counts.
                    if due == (actor := self._actors[device_id]).due:
                        actor.due = math.nan
                        self._run_due(actor, now)
                self._changed.wait((self._agenda[0][0] - self._now()) / self._speed)

    def _run_due(self, actor: _Actor, now: float) -> None:
        self._publish(actor.firmware.tick(now))
        if actor.story_due <= now:
            actor.story_due = now + next(actor.story, math.inf)
            self._publish(actor.firmware.tick(now))
        self._schedule(actor)

    def _schedule(self, actor: _Actor) -> None:
        """Schedule a device for its next due time."""
        due = min(actor.firmware.next_due, actor.story_due)
        if due != actor.due:
            actor.due = due
            heapq.heappush(self._agenda, (due, actor.firmware.device_id))

    def _publish(self, publications: Sequence[Publication]) -> None:
        for publication in publications:
            logger = (
                _HEARTBEATS if publication.topic.endswith("/heartbeat") else _LOGGER
            )
            if self._connected:
                self._client.publish(
                    publication.topic,
                    publication.payload,
                    publication.qos,
                    publication.retain,
                )
                logger.debug("%s %s", publication.topic, publication.payload.decode())
            else:
                logger.debug("%s is lost: no broker", publication.topic)

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: Any,
        _flags: Any,
        reason: Any,
        _properties: Any,
    ) -> None:
        if reason.is_failure:
            with self._changed:
                self._refused = str(reason)
                self._changed.notify_all()
        else:
            client.subscribe(f"{self.prefix}/+/control")

    def _on_subscribe(
        self,
        _client: Any,
        _userdata: Any,
        _mid: int,
        reasons: Sequence[Any],
        _properties: Any,
    ) -> None:
        _LOGGER.info("Connected to %s:%d", self._host, self._port)
        if any(reason.is_failure for reason in reasons):
            _LOGGER.warning(
                "The broker does not let the devices read %s/+/control", self.prefix
            )
        with self._changed:
            self._connected = True
            self._refused = None
            self._changed.notify_all()

    def _on_disconnect(
        self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        _LOGGER.info("Disconnected from %s:%d: %s", self._host, self._port, reason)
        with self._changed:
            self._connected = False
            self._changed.notify_all()

    def _on_message(
        self, _client: Any, _userdata: Any, message: mqtt.MQTTMessage
    ) -> None:
        device_id = message.topic.removeprefix(f"{self.prefix}/").removesuffix(
            "/control"
        )
        if device_id in self._actors:
            _LOGGER.debug(
                "%s %s", message.topic, message.payload.decode(errors="replace")
            )
            with self.device(device_id) as device:
                device.receive(message.topic, message.payload)


def make_fleets(
    host: str,
    port: int,
    prefixes: Sequence[str],
    *,
    devices: int | Sequence[str] | None = None,
    scenario: str = "idle",
    **choices: Any,
) -> list[Fleet]:
    """Divide the devices into a fleet for each site.

    The first device exists at each site: at the others, another device has the same
    id, and sends heartbeats only. `choices` are those of `Fleet`. Raises ValueError as
    `Fleet` does, for a prefix that is given twice, and for too few devices.
    """
    if len(set(prefixes)) < len(prefixes):
        msg = "each prefix can be given only once"
        raise ValueError(msg)
    roles = _roles(scenario, devices)
    if len(roles) < len(prefixes):
        msg = f"{len(prefixes)} prefixes need at least as many devices"
        raise ValueError(msg)
    first = next(iter(roles))
    shares = [
        dict(islice(roles.items(), index, None, len(prefixes)))
        for index in range(len(prefixes))
    ]
    for share in shares[1:]:
        share[first] = Role(story=_is_well)
    return [
        Fleet(host, port, prefix=prefix, devices=share, **choices)
        for prefix, share in zip(prefixes, shares, strict=True)
    ]


def _roles(
    scenario: str, devices: int | Sequence[str] | Mapping[str, Role] | None
) -> Mapping[str, Role]:
    """Return the role of each device, by id.

    Raises ValueError for a choice that the scenario does not allow.
    """
    if isinstance(devices, Mapping):
        return devices
    if scenario not in SCENARIOS:
        msg = f"scenario must be one of {', '.join(SCENARIOS)}, not {scenario!r}"
        raise ValueError(msg)
    part = SCENARIOS[scenario]
    if not isinstance(part, Role):
        if devices is not None:
            msg = f"scenario {scenario} has devices of its own: do not choose any"
            raise ValueError(msg)
        return part
    if devices is None:
        devices = 6
    ids = (
        [f"vesper-{number:04d}" for number in range(1, devices + 1)]
        if isinstance(devices, int)
        else devices
    )
    if not ids:
        msg = "a fleet has at least one device"
        raise ValueError(msg)
    return dict.fromkeys(ids, part)


def main() -> None:
    """Run a fleet until it is interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.rig.fleet",
        description="Simulated Vesper devices on an MQTT broker; Ctrl-C ends them.",
    )
    parser.add_argument(
        "--broker",
        metavar="HOST:PORT",
        type=arguments.address,
        default="127.0.0.1:1883",
        help="%(default)s",
    )
    parser.add_argument("--username", help="for a broker that asks for one")
    parser.add_argument("--password", help="for a broker that asks for one")
    parser.add_argument(
        "--prefix",
        action="append",
        help=f"first level or levels of the topics ({PREFIX}); given several times, the"
        " devices are divided among them, and the first device exists under each",
    )
    parser.add_argument(
        "--scenario",
        choices=SCENARIOS,
        default="cast",
        help="idle: nothing but heartbeats; lively: whatever may happen, at random;"
        " cast: six devices, each with a fault or a habit of its own (%(default)s)",
    )
    parser.add_argument(
        "--devices", metavar="N", type=int, help="how many; a cast has its own"
    )
    parser.add_argument(
        "--speed",
        metavar="F",
        type=float,
        default=1.0,
        help="seconds of device time per second",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="another one makes other things happen",
    )
    parser.add_argument(
        "--duration",
        metavar="SECONDS",
        type=float,
        help="end by itself after so many real seconds",
    )
    parser.add_argument(
        "--hold",
        action="store_true",
        help="send only heartbeats until Enter is pressed",
    )
    parser.add_argument(
        "--history",
        metavar="DURATION",
        type=arguments.duration,
        help="do not start the devices: write what happened to them in the last 7d or"
        " 36h, for example, into the Home Assistant of --config, which must not run",
    )
    parser.add_argument(
        "--config", metavar="DIRECTORY", type=Path, help="for --history"
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="print what happens; -vv: heartbeats too",
    )
    args = parser.parse_args()
    if (args.history is None) is not (args.config is None):
        parser.error("--history and --config need each other")

    logging.basicConfig(
        format="%(asctime)s %(message)s", level=logging.INFO, stream=sys.stdout
    )
    _LOGGER.setLevel(logging.DEBUG if args.verbose else logging.INFO)
    _HEARTBEATS.setLevel(logging.DEBUG if args.verbose > 1 else logging.INFO)
    host, port = args.broker
    try:
        fleets = make_fleets(
            host,
            port,
            args.prefix or [PREFIX],
            devices=args.devices,
            scenario=args.scenario,
            speed=args.speed,
            seed=args.seed,
            username=args.username,
            password=args.password,
        )
    except ValueError as error:
        parser.error(str(error))
    if args.history:
        sys.exit(_write_history(fleets, args))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            for fleet in fleets:
                stack.enter_context(fleet)
            if args.hold:
                input("Press Enter to let the stories begin. ")
            for fleet in fleets:
                fleet.start_stories()
            threading.Event().wait(args.duration)
    except ConnectionError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass


def _write_history(fleets: Sequence[Fleet], args: argparse.Namespace) -> str | None:
    """Write a history; returns an error, if any."""
    # Imported here, as it imports Home Assistant, which takes time.
    from tests.rig.history import bells_of, write_history  # noqa: PLC0415

    now = time.time()
    bells = {fleet.prefix: bells_of(fleet, now) for fleet in fleets}
    try:
        pasts = write_history(args.config, bells, args.history, seed=args.seed, now=now)
    except RuntimeError as error:
        return f"error: {error}"
    for prefix, past in pasts.items():
        _LOGGER.info(
            "Wrote %d states of %d devices under %s",
            len(past.states),
            len(past.devices),
            prefix,
        )
    return None


if __name__ == "__main__":
    main()
