"""The rig's processes end when they must."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
import os
from pathlib import Path
import select
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.rig.process import (
    LAST_PORT,
    LOCALHOST,
    ChildProcess,
    free_port,
    terminate_all,
)

STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
signal.pause()
"""
OBEDIENT = "import signal; print('ready', flush=True); signal.pause()"
#: A rig to be killed, which prints the id of its child.
RIG = """
import pathlib, signal, sys
from tests.rig.process import ChildProcess
child = ChildProcess("child", ["sleep", "60"], log=pathlib.Path(sys.argv[1]))
child.start()
print(child._process.pid, flush=True)
signal.pause()
"""

type Start = Callable[..., ChildProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a program."""
    with ExitStack() as stack:

        def start(name: str, program: str, grace: float) -> ChildProcess:
            log = tmp_path / f"{name}.log"
            command = [sys.executable, "-c", program]
            process = ChildProcess(name, command, log=log, grace=grace)
            process.start()
            stack.callback(process.kill)
            process.wait_until(lambda: "ready" in log.read_text(), timeout=30, what="")
            return process

        yield start


def test_an_obedient_process_ends_by_itself(start: Start) -> None:
    """It is not waited for longer than needed."""
    process = start("obedient", OBEDIENT, 30)
    assert process.exit_code is None
    process.stop()
    assert process.exit_code == -signal.SIGTERM


def test_stubborn_processes_end_by_force_together(start: Start) -> None:
    """They are killed after one grace period for all."""
    grace = 1.0
    processes = [start(str(number), STUBBORN, grace) for number in range(4)]
    begin = time.monotonic()
    terminate_all()
    assert time.monotonic() - begin < grace
    for process in processes:
        process.stop()
    assert grace <= time.monotonic() - begin < 3 * grace
    assert [process.exit_code for process in processes] == [-signal.SIGKILL] * 4


def test_a_restarted_process_has_its_whole_grace(start: Start) -> None:
    """An earlier request to end does not count."""
    process = start("restarted", OBEDIENT, 30)
    process.stop()
    process.start()
    terminate_all()
    process.stop()
    assert process.exit_code == -signal.SIGTERM


def test_an_interrupted_stop_leaves_nothing(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt during the grace period kills the process."""

    def interrupt(_self: object, timeout: float | None = None) -> int:
        monkeypatch.undo()
        raise KeyboardInterrupt

    process = start("stubborn", STUBBORN, 30)
    monkeypatch.setattr(subprocess.Popen, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        process.stop()
    assert process.exit_code == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can do that")
def test_nothing_outlives_a_killed_rig(tmp_path: Path) -> None:
    """The children of a killed rig end as well.

    They would keep its ports and files.
    """
    with subprocess.Popen(  # noqa: S603  # our own
        [sys.executable, "-c", RIG, tmp_path / "child.log"],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    ) as rig:
        assert rig.stdout
        child = os.pidfd_open(int(rig.stdout.readline()))
        rig.kill()
        poll = select.poll()
        poll.register(child, select.POLLIN)
        ended = poll.poll(10_000)
        os.close(child)
    assert ended


def test_ports_end_at_the_last(socket_enabled: None) -> None:
    """The search for a port stays within valid ones."""
    with socket.socket() as taken:
        with suppress(OSError):  # another process has it then
            taken.bind((LOCALHOST, LAST_PORT))
        with pytest.raises(OSError, match="in use"):
            free_port(LAST_PORT)
