"""Compare generated sessions with the reference, step by step."""

from collections.abc import Iterator
import logging
import os
import time
from types import SimpleNamespace

from hypothesis import HealthCheck, __version__, reproduce_failure, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test
import pytest

from tests.common import Vesper

from .sessions import Clock, EventRecorder, Sessions, Tally

BEGINNING = "2030-01-01T00:00:00+00:00"
#: With none the same sessions are played each time, and as many.
MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))
#: What a failure prints between the quotes of `reproduce_failure`: only that session.
REPLAY = os.environ.get("FUZZ_REPLAY", "")
SESSIONS = 20

#: As they are before time is frozen, and where the freezer does not find them.
REAL = SimpleNamespace(monotonic=time.monotonic, perf_counter=time.perf_counter)


@pytest.fixture
def real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let hypothesis measure real time."""
    monkeypatch.setattr(engine, "time", REAL)
    monkeypatch.setattr(engine, "MAX_SHRINKING_SECONDS", 60 if MINUTES else 20)


def _rounds() -> Iterator[None]:
    """Yield once, or repeatedly until the time is over."""
    end = REAL.monotonic() + MINUTES * 60
    yield
    while REAL.monotonic() < end:
        yield


@pytest.mark.usefixtures("entity_registry_enabled_by_default", "real_time")
def test_sessions(
    vesper: Vesper,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The entities match the reference in any session."""
    caplog.set_level(logging.INFO)
    vesper.freezer.move_to(BEGINNING)
    clock, recorder, tally = Clock(vesper), EventRecorder(vesper), Tally()

    def begin() -> Sessions:
        """Begin a session."""
        return Sessions(vesper, clock, recorder, caplog, tally)

    if REPLAY:
        begin = reproduce_failure(__version__, REPLAY.encode())(begin)
    try:
        for _ in _rounds():
            run_state_machine_as_test(
                begin,  # type: ignore[arg-type]
                settings=settings(
                    derandomize=not MINUTES,
                    deadline=None,
                    max_examples=SESSIONS,
                    print_blob=True,
                    stateful_step_count=30,
                    suppress_health_check=list(HealthCheck),
                ),
            )
    finally:
        if MINUTES:
            with capsys.disabled():
                print(f"\n{tally.sessions} sessions of {tally.steps} steps in all")
