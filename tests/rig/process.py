"""Child processes of the rig, and the ports on which they listen."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
import ctypes
import os
from pathlib import Path
import signal
import socket
import subprocess
import sys
import time
from typing import Final

LOCALHOST: Final = "127.0.0.1"
LAST_PORT: Final = 65_535

_POLL_SECONDS: Final = 0.05
_LAST_LINES: Final = 20
_PR_SET_PDEATHSIG: Final = 1  # as in Linux's sys/prctl.h


class ChildProcess:
    """A command that runs beside us, with all it prints in a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        grace: float = 4.0,
    ) -> None:
        """Describe the process; `environment` None is our own, `log` is begun anew.

        Once asked to end it has `grace` seconds for that.
        """
        self.name = name
        self.log = log
        self._command = command
        self._environment = environment
        self._grace = grace
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline: float | None = None
        log.write_bytes(b"")

    def start(self) -> None:
        """Start the command, in a session of its own: Ctrl-C is for us to pass on.

        On Linux it ends with the thread that calls this, however that ends.
        """
        self._deadline = None
        _started.add(self)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # the rig's own commands
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
                preexec_fn=_tie_to_us(),  # noqa: PLW1509  # it takes no lock
            )

    @property
    def exit_code(self) -> int | None:
        """What it ended with; None while it runs, and before it was started."""
        return None if self._process is None else self._process.poll()

    def check(self) -> None:
        """Raise RuntimeError with the last lines of the log where it has ended."""
        if self.exit_code is None:
            return
        lines = self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        msg = f"{self.name} ended with {self.exit_code}. Its last words ({self.log}):\n"
        raise RuntimeError(msg + "\n".join(lines))

    def wait_until(
        self, is_so: Callable[[], bool], *, timeout: float, what: str
    ) -> None:
        """Ask again and again until it is so, for `timeout` seconds at most.

        Raises RuntimeError as soon as the process has ended, TimeoutError with `what`
        was waited for when the time is over.
        """
        deadline = time.monotonic() + timeout
        while not is_so():
            self.check()
            if time.monotonic() > deadline:
                msg = f"{self.name}: not within {timeout:g} s: {what}"
                raise TimeoutError(msg)
            time.sleep(_POLL_SECONDS)

    def terminate(self) -> None:
        """Ask the process to end, and wait for nothing; its grace begins."""
        if self._process and self._deadline is None:
            self._deadline = time.monotonic() + self._grace
            self._process.terminate()

    def stop(self) -> None:
        """Return when the process has ended, by force where its grace is over.

        It is asked to, where `terminate` has not done that before.
        """
        self.terminate()
        try:
            if self._process and self._deadline is not None:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(max(0.0, self._deadline - time.monotonic()))
        finally:
            self.kill()

    def freeze(self) -> None:
        """Let the process stand still, with all its connections open, until `thaw`."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a process that stands still go on."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process at once, as a loss of power would."""
        if self._process:
            self._process.kill()
            self._process.wait()
        _started.discard(self)


_started: Final[set[ChildProcess]] = set()


def terminate_all() -> None:
    """Ask all processes that are not stopped yet to end, as Ctrl-C at a terminal does.

    Their graces run side by side then: stopping one after another takes no longer than
    the longest of them.
    """
    for process in _started:
        process.terminate()


def _tie_to_us() -> Callable[[], object] | None:
    """Return what a new process calls so that it is killed when we are gone.

    So a rig that was killed leaves nothing behind. Only Linux can do that.
    """
    if sys.platform != "linux":
        return None
    set_signal = ctypes.CDLL(None).prctl
    we = os.getpid()

    def tie() -> None:
        set_signal(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != we:  # gone before that call
            os.kill(os.getpid(), signal.SIGKILL)

    return tie


def free_port(first: int | None = None) -> int:
    """Return a TCP port that is free on 127.0.0.1: the first from `first` on, or any.

    Raises OSError where none of the hundred from `first` on is free.
    """
    if first is None:
        return _bound_port(0)
    last = min(first + 99, LAST_PORT)
    for port in range(first, last + 1):
        try:
            return _bound_port(port)
        except OSError:
            if port == last:
                raise
    raise AssertionError


def _bound_port(port: int) -> int:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are fading away is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOCALHOST, port))
        bound: int = probe.getsockname()[1]
        return bound


def is_listening(port: int) -> bool:
    """Return whether something takes connections at a port of 127.0.0.1."""
    try:
        socket.create_connection((LOCALHOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def environment(**changes: str) -> dict[str, str]:
    """Return our own environment with changes, and with compiled files kept.

    Where PYTHONDONTWRITEBYTECODE is set every start would compile all of it again.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE"
    }
    return kept | changes
