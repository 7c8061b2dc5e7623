"""Notice what keeps the event loop, for how long, and whose work it is."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
import gc
from pathlib import Path
import time
from typing import Any, Self

OURS = "custom_components.vesper"
#: Takes a packet in and calls us for it; where none but ours come, all it does is ours.
RECEIVING = "homeassistant.components.mqtt"

#: In seconds: what is shorter is not worth a look at what it was.
NOTABLE = 0.001


@dataclass(frozen=True, kw_only=True, slots=True)
class Stall:
    """One turn of something in the event loop; times are in seconds."""

    what: str
    """The functions that were called, the one that says most first."""
    ours: bool
    wall: float
    """By the clock, with all that this machine did besides."""
    used: float
    """By the event loop's thread, without garbage collection."""
    collected: float
    """By the thread, in garbage collection."""

    @property
    def told(self) -> str:
        """Return it in words."""
        return (
            f"{self.used * 1e3:.1f} ms and {self.collected * 1e3:.1f} ms of collection,"
            f" {self.wall * 1e3:.1f} ms by the clock: {self.what}"
        )


class Collections:
    """The garbage collections while this is open, in seconds of their thread."""

    def __init__(self) -> None:
        """Start with none."""
        self.each: list[float] = []
        self.total = 0.0
        self._since = 0.0

    def __enter__(self) -> Self:
        """Take the time from now on."""
        gc.callbacks.append(self._collect)
        return self

    def __exit__(self, *_: object) -> None:
        """Take the time no longer."""
        gc.callbacks.remove(self._collect)

    def _collect(self, phase: str, _info: Mapping[str, int]) -> None:
        """Take the time of one."""
        if phase == "start":
            self._since = time.thread_time()
        else:
            took = time.thread_time() - self._since
            self.each.append(took)
            self.total += took


class Stalls:
    """All that kept the event loop while it was recorded."""

    def __init__(self) -> None:
        """Start with none."""
        self._stalls: list[Stall] = []
        self._collections = Collections()

    @property
    def collections(self) -> list[float]:
        """Return the seconds of each garbage collection."""
        return self._collections.each

    @property
    def longest(self) -> float:
        """Return the seconds by the clock of the longest, whoever's it is."""
        return max((stall.wall for stall in self._stalls), default=0)

    @property
    def longest_used(self) -> float:
        """Return the seconds that the longest has used, with garbage collection."""
        return max((stall.used + stall.collected for stall in self._stalls), default=0)

    @property
    def ours(self) -> Stall:
        """Return the longest of ours, without garbage collection."""
        none = Stall(what="none", ours=True, wall=0, used=0, collected=0)
        return max(
            (stall for stall in self._stalls if stall.ours),
            key=lambda stall: stall.used,
            default=none,
        )

    def worst(self, number: int) -> list[Stall]:
        """Return the longest of anybody, without garbage collection."""
        return sorted(self._stalls, key=lambda stall: -stall.used)[:number]

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Watch all that runs in any event loop of this process meanwhile."""
        handles: Any = asyncio.Handle  # whose inside asyncio does not show
        run = handles._run  # noqa: SLF001
        recording = True

        def watched(handle: Any) -> None:
            called, given = handle._callback, handle._args  # noqa: SLF001
            collected = self._collections.total
            wall, used = time.perf_counter(), time.thread_time()
            run(handle)
            used, wall = time.thread_time() - used, time.perf_counter() - wall
            # That in which the recording ends is whose it is, and goes on after it.
            if recording and wall > NOTABLE:
                collected = self._collections.total - collected
                self._note(called, given, wall, used - collected, collected)

        handles._run = watched  # noqa: SLF001
        try:
            with self._collections:
                yield
        finally:
            recording = False
            handles._run = run  # noqa: SLF001

    def _note(
        self, called: Any, given: Any, wall: float, used: float, collected: float
    ) -> None:
        """Note a turn, and whose it was."""
        names = [*_names(called), *(name for it in given or () for name in _names(it))]
        ours = [name for name in names if OURS in name or RECEIVING in name]
        self._stalls.append(
            Stall(
                what=" < ".join(ours or names) or repr(called),
                ours=bool(ours),
                wall=wall,
                used=used,
                collected=collected,
            )
        )


def _names(thing: Any, depth: int = 4) -> Iterator[str]:
    """Return what is called when this is, as far as can be seen from outside."""
    if (code := getattr(thing, "cr_code", None)) is not None:
        module = ".".join(Path(code.co_filename).with_suffix("").parts[-4:])
        yield f"{module}.{code.co_qualname}"
    elif isinstance(thing, asyncio.Task):
        yield from _names(thing.get_coro())
    elif depth:
        for inner in (
            getattr(thing, "func", None),  # a partial
            *getattr(thing, "args", ()),
            getattr(thing, "target", None),  # a job of Home Assistant
            getattr(thing, "job", None),  # a timer of it
            getattr(thing, "action", None),
            getattr(thing, "__self__", None),  # a method
        ):
            if inner is not None:
                yield from _names(inner, depth - 1)
        if (name := getattr(thing, "__qualname__", None)) is not None:
            yield f"{getattr(thing, '__module__', '')}.{name}"
