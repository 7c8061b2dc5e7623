"""What happened to simulated devices before they were started.

Pure: a timeline follows from the seed, the device and the time.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
import random
from typing import Final

from custom_components.vesper.protocol.codes import ResetReason
from custom_components.vesper.protocol.severity import Severity

from .firmware import HEARTBEAT_SECONDS

#: In seconds: what Home Assistant waits for a device that sends every 30 s.
TIMEOUT: Final = 3 * HEARTBEAT_SECONDS

_MINUTE: Final = 60
HOUR: Final = 60 * _MINUTE
DAY: Final = 24 * HOUR

#: In seconds: at least this is between two things that happen to a device.
_PAUSE: Final = 15 * _MINUTE
_MEAN_PAUSE: Final = 12 * HOUR

#: In seconds: how long a device takes from its boot to its first heartbeat.
BOOT: Final = 8

#: How many of the devices are lost in the fleet outage.
_LOST_SHARE: Final = 0.9

_FAULTS: Final = (
    ("FileManager", Severity.WARNING, "SD mount failed"),
    ("TimeKeeper", Severity.WARNING, "NTP sync failed"),
    ("Player", Severity.CRITICAL, "amplifier does not answer"),
    ("Networking", Severity.FAILED, "broker unreachable"),
)
_REASONS: Final = (
    ResetReason.SOFTWARE,
    ResetReason.PANIC,
    ResetReason.TASK_WATCHDOG,
    ResetReason.BROWN_OUT,
)


class Kind(Enum):
    """What happens in a step."""

    HEARD = auto()
    """A heartbeat: the last one before an outage, or the first one after it."""
    TIMED_OUT = auto()
    RESTARTED = auto()
    """The first heartbeat after a boot."""
    ALERT = auto()
    MAINTENANCE = auto()
    HOUR = auto()
    """Nothing: the sensors of the availability write their states."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to a device."""

    at: int
    """In seconds since 1970."""
    kind: Kind
    code: int | None = None
    """The reason of a restart; None for firmware that does not report it."""
    fault: tuple[str, Severity, str] | None = None
    """The subsystem, the severity and the message of an alert."""
    until: int | None = None
    """The end of the maintenance that begins; None where it ends."""


@dataclass(frozen=True, slots=True)
class Bell:
    """A simulated device as it is at the end."""

    device_id: str
    version: str
    booted: int
    """Since when it runs, in seconds since 1970."""


type _Episode = Callable[[random.Random, int], list[Step]]


def timeline(seed: int, bell: Bell, start: int, end: int) -> list[Step]:
    """Return what happened to a device, in order.

    It is online, healthy and not in maintenance at both ends, and has its last restart
    when it says that it was booted.
    """
    rng = random.Random(f"{seed}/{bell.device_id}")  # noqa: S311  # no secret is drawn
    outage = _fleet_outage(seed, start, end)
    steps = [Step(start, Kind.HEARD)]
    # Episodes do not overlap, so each begins with a device that is online and healthy.
    taken: list[tuple[int, int]] = []
    if start < bell.booted <= end - _PAUSE:
        code = ResetReason.POWER_ON
        steps.append(Step(bell.booted + BOOT, Kind.RESTARTED, code=code))
        taken.append((bell.booted, bell.booted + BOOT))
    if outage and rng.random() < _LOST_SHARE and _is_free(*outage, taken):
        lost, found = outage
        # Each sends at its own second.
        delay = rng.randrange(HEARTBEAT_SECONDS)
        steps += _absence(lost + delay, found + delay)
        taken.append((lost, found + HEARTBEAT_SECONDS))
    mean = _MEAN_PAUSE * rng.choice((0.6, 1, 1, 2))
    at = start
    while True:
        at += _PAUSE + int(rng.expovariate(1 / mean))
        episode = rng.choices(list(_EPISODES), list(_EPISODES.values()))[0](rng, at)
        over = episode[-1].at
        if over > end - _PAUSE:
            break
        restarts = any(step.kind is Kind.RESTARTED for step in episode)
        if _is_free(at, over, taken) and not (restarts and over > bell.booted):
            steps += episode
        at = over
    steps += [Step(at, Kind.HOUR) for at in range(start - start % HOUR, end, HOUR)][1:]
    steps.sort(key=lambda step: step.at)
    if bell.version == "1.0.0":
        # It does not report why it restarted.
        steps = [replace(step, code=None) for step in steps]
    return [*steps, Step(end, Kind.HEARD)]


def _fleet_outage(seed: int, start: int, end: int) -> tuple[int, int] | None:
    """Return when most devices were lost and found."""
    if end - start < DAY:
        return None
    rng = random.Random(f"{seed}/fleet")  # noqa: S311  # no secret is drawn
    lost = start + int((end - start) * rng.uniform(0.2, 0.8))
    return lost, lost + rng.randrange(10 * _MINUTE, 50 * _MINUTE)


def _is_free(begin: int, over: int, taken: Iterable[tuple[int, int]]) -> bool:
    return all(over + _PAUSE < first or last + _PAUSE < begin for first, last in taken)


def _absence(lost: int, found: int) -> list[Step]:
    return [
        Step(lost, Kind.HEARD),
        Step(lost + TIMEOUT, Kind.TIMED_OUT),
        Step(found, Kind.HEARD),
    ]


def _outage(rng: random.Random, at: int) -> list[Step]:
    return _absence(at, at + rng.randrange(4 * _MINUTE, 25 * _MINUTE))


def _long_outage(rng: random.Random, at: int) -> list[Step]:
    return _absence(at, at + rng.randrange(HOUR, 5 * HOUR))


def _power_cut(rng: random.Random, at: int) -> list[Step]:
    found = at + rng.randrange(3 * _MINUTE, 40 * _MINUTE)
    restart = Step(found, Kind.RESTARTED, code=ResetReason.POWER_ON)
    return [*_absence(at, found)[:-1], restart]


def _restart(rng: random.Random, at: int) -> list[Step]:
    return [Step(at, Kind.RESTARTED, code=rng.choice(_REASONS))]


def _alert(rng: random.Random, at: int) -> list[Step]:
    subsystem, severity, message = rng.choice(_FAULTS)
    over = at + rng.randrange(20 * _MINUTE, 8 * HOUR)
    steps = [Step(at, Kind.ALERT, fault=(subsystem, severity, message))]
    if severity is Severity.WARNING and rng.random() < 0.3:
        worse = (subsystem, Severity.CRITICAL, message)
        steps.append(Step((at + over) // 2, Kind.ALERT, fault=worse))
    return [*steps, Step(over, Kind.ALERT, fault=(subsystem, Severity.OK, ""))]


def _maintenance(rng: random.Random, at: int) -> list[Step]:
    """Return an outage that a user expects."""
    until = at + rng.randrange(1, 4) * HOUR
    found = at + rng.randrange(10 * _MINUTE, 40 * _MINUTE)
    return [
        Step(at, Kind.MAINTENANCE, until=until),
        *_absence(at + 3 * _MINUTE, found),
        Step(until, Kind.MAINTENANCE),
    ]


#: What may happen to a device, and how often.
_EPISODES: Final[Mapping[_Episode, int]] = {
    _outage: 4,
    _long_outage: 1,
    _power_cut: 2,
    _restart: 3,
    _alert: 5,
    _maintenance: 1,
}
