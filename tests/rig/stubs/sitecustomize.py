"""Change the process's clock and internet as asked.

Python imports this at its start, before any module imports `time.time` by name. The
file that the environment names holds the offset, in seconds, as a float of C. The hosts
that it names are on a port of this machine, and there are no others.
"""

from datetime import UTC, datetime, tzinfo
from mmap import ACCESS_READ, mmap
import os
from pathlib import Path
import socket
import time
from typing import Any


def _move(clock: Path) -> None:
    """Move `time.time` and Home Assistant's own `dt_util`.

    Its timers compare one with the other, and would fire without end if only one of
    them jumped. The monotonic clock is not moved, and neither is `datetime` itself:
    the rig's login is checked by it, which would not be valid before it was made.
    """
    from homeassistant.util import dt as dt_util  # noqa: PLC0415

    # Mapped, as the event loop asks for the time, and that must not read files.
    with clock.open("rb") as file:
        seconds = memoryview(mmap(file.fileno(), 0, access=ACCESS_READ)).cast("d")
    unmoved = time.time

    def moved() -> float:
        return unmoved() + seconds[0]

    def utcnow() -> datetime:
        return datetime.fromtimestamp(moved(), UTC)

    def now(time_zone: tzinfo | None = None) -> datetime:
        return utcnow().astimezone(time_zone or dt_util.get_default_time_zone())

    time.time = moved
    dt_util.utcnow = utcnow  # type: ignore[assignment]
    dt_util.now = now


def _lead(hosts: list[str], server: int) -> None:
    """Lead Home Assistant's connections to some hosts here.

    Their names, and so the certificate that is asked for, stay.
    """
    from aiohttp.abc import ResolveResult  # noqa: PLC0415
    from aiohttp.resolver import AsyncResolver  # noqa: PLC0415

    async def resolve(
        _self: AsyncResolver, host: str, *_arguments: Any, **_named: Any
    ) -> list[ResolveResult]:
        if host not in hosts:
            msg = f"The rig has no {host}"
            raise OSError(msg)
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=server,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
        ]

    AsyncResolver.resolve = resolve  # type: ignore[assignment,method-assign]


if clock := os.environ.get("VESPER_RIG_CLOCK"):
    _move(Path(clock))
if hosts := os.environ.get("VESPER_RIG_HOSTS"):
    _lead(hosts.split(), int(os.environ["VESPER_RIG_HOSTS_PORT"]))
