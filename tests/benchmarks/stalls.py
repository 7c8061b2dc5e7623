"""Record what blocks the event loop, and how long."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
import gc
from pathlib import Path
import time
from typing import Any, Self

OURS = "custom_components.vesper"
#: It calls us for a packet; where no others subscribe, all that it does is ours.
RECEIVING = "homeassistant.components.mqtt"

#: In seconds: shorter calls are not examined.
MIN_STALL = 0.001


@dataclass(frozen=True, kw_only=True, slots=True)
class Stall:
    """One call of the event loop.

    Times are in seconds.
    """

    what: str
    """The functions that were called, as far as can be seen."""
    ours: bool
    used: float
    """By the event loop's thread, without garbage collection."""
    collected: float
    """By garbage collection."""


class Collections:
    """The garbage collections within a context.

    Their total is in seconds of their thread.
    """

    def __init__(self) -> None:
        """Begin at zero."""
        self.total = 0.0
        self._since = 0.0

    def __enter__(self) -> Self:
        """Begin to add up."""
        gc.callbacks.append(self._collect)
        return self

    def __exit__(self, *_: object) -> None:
        """End that."""
        gc.callbacks.remove(self._collect)

    def _collect(self, phase: str, _info: Mapping[str, int]) -> None:
        """Add the time of one."""
        if phase == "start":
            self._since = time.thread_time()
        else:
            self.total += time.thread_time() - self._since


class Stalls:
    """The recorded calls that blocked the event loop."""

    def __init__(self) -> None:
        """Begin without calls."""
        self._stalls: list[Stall] = []
        self._collections = Collections()

    def longest(self, number: int = 1, *, ours: bool = True) -> list[Stall]:
        """Return the longest, without garbage collection."""
        stalls = [stall for stall in self._stalls if stall.ours or not ours]
        return sorted(stalls, key=lambda stall: -stall.used)[:number]

    @property
    def longest_collection(self) -> float:
        """Return the most garbage collection in one call."""
        return max((stall.collected for stall in self._stalls), default=0)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record all calls of this process's event loops."""
        handles: Any = asyncio.Handle  # whose inside asyncio does not show
        run = handles._run  # noqa: SLF001
        recording = True

        def recorded(handle: Any) -> None:
            called, arguments = handle._callback, handle._args  # noqa: SLF001
            collected = self._collections.total
            used = time.thread_time()
            run(handle)
            used = time.thread_time() - used
            # The call in which the recording ends goes on after it.
            if recording and used > MIN_STALL:
                collected = self._collections.total - collected
                self._record(called, arguments, used - collected, collected)

        handles._run = recorded  # noqa: SLF001
        try:
            with self._collections:
                yield
        finally:
            recording = False
            handles._run = run  # noqa: SLF001

    def _record(
        self, called: Any, arguments: Any, used: float, collected: float
    ) -> None:
        """Record a call, and whose it was."""
        things = (called, *(arguments or ()))
        names = [name for thing in things for name in _names(thing)]
        ours = [name for name in names if OURS in name or RECEIVING in name]
        self._stalls.append(
            Stall(
                what=" < ".join(ours or names) or repr(called),
                ours=bool(ours),
                used=used,
                collected=collected,
            )
        )


def _names(thing: Any, depth: int = 4) -> Iterator[str]:
    """Yield what this calls, as far as is visible."""
    if (code := getattr(thing, "cr_code", None)) is not None:
        module = ".".join(Path(code.co_filename).with_suffix("").parts[-4:])
        yield f"{module}.{code.co_qualname}"
    elif isinstance(thing, asyncio.Task):
        yield from _names(thing.get_coro())
    elif (code := getattr(thing, "gi_code", None)) is not None:
        yield code.co_qualname  # what is run in chunks
    elif depth:
        for inner in (
            getattr(thing, "func", None),  # a partial
            *getattr(thing, "args", ()),
            getattr(thing, "target", None),  # a job of Home Assistant
            getattr(thing, "job", None),  # a timer of it
            getattr(thing, "action", None),
            getattr(thing, "function", None),  # a debouncer of it
            getattr(thing, "__self__", None),  # a method
        ):
            if inner is not None:
                yield from _names(inner, depth - 1)
        if (name := getattr(thing, "__qualname__", None)) is not None:
            yield f"{getattr(thing, '__module__', '')}.{name}"
        else:
            # Whose method it is: an entity of ours has some of Home Assistant.
            yield f"{type(thing).__module__}.{type(thing).__qualname__}"
