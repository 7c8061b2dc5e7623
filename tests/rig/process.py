"""Child processes of the rig, and their ports."""

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
    """A background command that prints to a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        grace: float = 4.0,
    ) -> None:
        """Describe a process that is not started yet.

        With `environment` None it has our own. `log` is replaced.

        After a request to end it has `grace` seconds.
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
        """Start the command in a session of its own.

        So Ctrl-C is for us to pass on.

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
        """Its exit code, None unless it has ended."""
        return None if self._process is None else self._process.poll()

    def check(self) -> None:
        """Raise RuntimeError with its log if it has exited."""
        if self.exit_code is None:
            return
        lines = self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        msg = f"{self.name} ended with {self.exit_code}. Its last lines ({self.log}):\n"
        raise RuntimeError(msg + "\n".join(lines))

    def wait_until(
        self, is_so: Callable[[], bool], *, timeout: float, what: str
    ) -> None:
        """Poll a condition for `timeout` seconds at most.

        Raises RuntimeError as soon as the process has exited, TimeoutError with
        `what` after the timeout.
        """
        deadline = time.monotonic() + timeout
        while not is_so():
            self.check()
            if time.monotonic() > deadline:
                msg = f"{self.name}: not within {timeout:g} s: {what}"
                raise TimeoutError(msg)
            time.sleep(_POLL_SECONDS)

    def wait(self, timeout: float) -> int:
        """Return its exit code when it has ended.

        Raises TimeoutError after `timeout` seconds.
        """
        assert self._process is not None
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            msg = f"{self.name} did not end within {timeout:g} s"
            raise TimeoutError(msg) from None

    def terminate(self) -> None:
        """Ask the process to end, without waiting.

        Its grace period starts.
        """
        if self._process and self._deadline is None:
            self._deadline = time.monotonic() + self._grace
            self._process.terminate()

    def stop(self) -> None:
        """Stop the process; kill it after its grace period.

        It is asked to end, unless `terminate` has done that before.
        """
        self.terminate()
        try:
            if self._process and self._deadline is not None:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(max(0.0, self._deadline - time.monotonic()))
        finally:
            self.kill()

    def freeze(self) -> None:
        """Stop the process with its connections open, until `thaw`."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue a frozen process."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process, like a loss of power."""
        if self._process:
            self._process.kill()
            self._process.wait()
        _started.discard(self)


_started: Final[set[ChildProcess]] = set()


def terminate_all() -> None:
    """Ask all running processes to end, as Ctrl-C does.

    Their grace periods run in parallel then: stopping one after another takes no
    longer than the longest of them.
    """
    for process in _started:
        process.terminate()


def _tie_to_us() -> Callable[[], object] | None:
    """Return a function that ties processes to ours.

    So a rig that was killed leaves nothing behind. Only Linux can do that.
    """
    if sys.platform != "linux":
        return None
    set_signal = ctypes.CDLL(None).prctl
    we = os.getpid()

    def tie() -> None:
        set_signal(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != we:  # it ended before that call
            os.kill(os.getpid(), signal.SIGKILL)

    return tie


def free_port(first: int | None = None) -> int:
    """Return a free TCP port of 127.0.0.1.

    It is the first from `first` on, or any.

    Raises OSError if none of the hundred from `first` on is free.
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
        # As servers do: a port with closing connections is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOCALHOST, port))
        bound: int = probe.getsockname()[1]
        return bound


def is_listening(port: int) -> bool:
    """Return whether a port of 127.0.0.1 accepts connections."""
    try:
        socket.create_connection((LOCALHOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def environment(**changes: str) -> dict[str, str]:
    """Return our own environment with changes and cached bytecode.

    With PYTHONDONTWRITEBYTECODE every start would compile all of it again.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE"
    }
    return kept | changes
