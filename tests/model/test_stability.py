"""Test which changes are unstable, and which are held."""

from dataclasses import dataclass, field

from hypothesis import given, strategies as st

from custom_components.vesper.model.alerts import MAX_ACTIVE
from custom_components.vesper.model.occurrence import Occurrence, OccurrenceKind
from custom_components.vesper.model.stability import (
    CONNECTIVITY,
    MIN_CHANGES,
    MIN_LENGTH,
    QUIET,
    Stability,
)

SEVERITIES = ["ok", "warning", "critical", "failed"]


def raised(severity: str = "warning", subsystem: str = "SD") -> Occurrence:
    """Return the occurrence of an alert that was raised."""
    return Occurrence(
        kind=OccurrenceKind.ALERT_RAISED,
        device_id="bell",
        subsystem=subsystem,
        from_state="ok",
        to_state=severity,
    )


def cleared(
    announced: str | None = "warning", subsystem: str = "SD", reason: str = "cleared"
) -> Occurrence:
    """Return the occurrence of an alert that has ended."""
    return Occurrence(
        kind=OccurrenceKind.ALERT_CLEARED,
        device_id="bell",
        subsystem=subsystem,
        from_state="warning",
        to_state="ok",
        reason=reason,
        announced=announced,
    )


def flap(stability: Stability, times: int, every: float = 60) -> list[bool]:
    """Raise and clear an alert; return what was held."""
    held = []
    for number in range(times):
        occurrence = cleared() if number % 2 else raised()
        held.append(stability.record(occurrence, number * every).held)
    return held


def test_the_first_changes_are_published() -> None:
    """Only the sixth within an hour is held."""
    assert flap(Stability(), 8) == [False] * 5 + [True] * 3


def test_changes_within_more_than_an_hour() -> None:
    """They are published, however many there are."""
    stability = Stability()
    assert not any(flap(stability, 40, QUIET / (MIN_CHANGES - 1)))
    assert not stability.unstable


def test_a_short_alert() -> None:
    """Its end is held for two seconds."""
    stability = Stability()
    stability.record(raised(), 10)
    assert stability.record(cleared(), 10 + MIN_LENGTH - 0.1).held
    assert stability.deadline == 10 + 2 * MIN_LENGTH - 0.1
    assert stability.settle((), 13) == []
    (ended,) = stability.settle((), 14)
    assert (ended.kind, ended.settled) == (OccurrenceKind.ALERT_CLEARED, True)
    assert not ended.held
    assert stability.settle((), 15) == []


def test_an_alert_that_was_long_enough() -> None:
    """Its end is published at once."""
    stability = Stability()
    stability.record(raised(), 10)
    assert not stability.record(cleared(), 10 + MIN_LENGTH).held


def test_an_alert_that_comes_back() -> None:
    """Neither its end nor its return is published."""
    stability = Stability()
    stability.record(raised(), 10)
    assert stability.record(cleared(), 11).held
    assert stability.record(raised(), 12).held
    assert stability.settle({"SD"}, 14) == []
    assert not stability.held


def test_an_alert_that_comes_back_worse() -> None:
    """It is published, and so is its end."""
    stability = Stability()
    stability.record(raised(), 10)
    assert stability.record(cleared(), 11).held
    assert not stability.record(raised("failed"), 12).held
    assert not stability.record(cleared("failed"), 20).held


def test_an_alert_that_was_never_announced() -> None:
    """It is published when it comes back."""
    stability = Stability()
    stability.record(raised(), 10)
    assert stability.record(cleared(announced=None), 11).held
    assert not stability.record(raised(), 12).held


def test_an_alert_that_a_user_ends() -> None:
    """It is published at once, even if it flaps."""
    stability = Stability()
    flap(stability, 7)
    assert not stability.record(cleared(reason="action"), 401).held
    assert not stability.held


def test_it_is_stable_after_a_quiet_hour() -> None:
    """Then its end is published, and nothing is left."""
    stability = Stability()
    flap(stability, 8)
    assert stability.unstable == {"SD": 8}
    assert stability.deadline == 420 + QUIET
    assert stability.settle((), 419 + QUIET) == []
    assert stability.unstable
    (ended,) = stability.settle((), 420 + QUIET)
    assert ended.settled
    assert not stability.unstable
    assert stability.deadline is None


def test_connectivity() -> None:
    """It may be unstable, and is never held."""
    stability = Stability()
    for number in range(MIN_CHANGES):
        kind = (OccurrenceKind.WENT_OFFLINE, OccurrenceKind.CAME_ONLINE)[number % 2]
        occurrence = Occurrence(kind=kind, device_id="bell")
        assert stability.record(occurrence, number) is occurrence
    assert stability.unstable == {CONNECTIVITY: MIN_CHANGES}


def test_other_occurrences() -> None:
    """They do not count."""
    stability = Stability()
    for kind in (OccurrenceKind.RESTARTED, OccurrenceKind.STARTED_PLAYING):
        stability.record(Occurrence(kind=kind, device_id="bell"), 0)
    assert stability.deadline is None


def test_many_subsystems() -> None:
    """As many are followed as can have an alert."""
    stability = Stability()
    for number in range(3 * MAX_ACTIVE):
        occurrence = raised(subsystem=f"S{number}")
        assert stability.record(occurrence, 0) is occurrence
    stability.record(raised(subsystem="S0"), 0)
    assert len(stability._times) == MAX_ACTIVE + 1  # noqa: SLF001


@dataclass
class Automation:
    """What a trigger knows about one alert."""

    stability: Stability = field(default_factory=Stability)
    severity: str = "ok"
    """The real one."""
    announced: str = "ok"
    """The worst that was published since its last end."""
    ends: int = 0
    now: float = 0

    def change(self, severity: str) -> None:
        """Raise, worsen or clear the alert."""
        if severity == "ok":
            occurrence = cleared(self.announced)
        elif SEVERITIES.index(severity) > SEVERITIES.index(self.severity):
            occurrence = raised(severity)
        else:
            self.severity = severity
            return
        self.severity = severity
        self.publish([self.stability.record(occurrence, self.now)])

    def publish(self, occurrences: list[Occurrence]) -> None:
        """Take note of what is not held."""
        for occurrence in occurrences:
            if occurrence.held:
                continue
            if occurrence.kind is OccurrenceKind.ALERT_CLEARED:
                self.announced = "ok"
                self.ends += 1
            else:
                self.announced = max(
                    self.announced, occurrence.to_state or "", key=SEVERITIES.index
                )

    def wait(self, seconds: float) -> None:
        """Let time pass, and settle whenever it is due."""
        end = self.now + seconds
        while (due := self.stability.deadline) is not None and due <= end:
            self.now = due
            active = {"SD"} if self.severity != "ok" else set()
            self.publish(self.stability.settle(active, due))
        self.now = end


@given(
    st.lists(
        st.tuples(
            st.sampled_from(SEVERITIES), st.sampled_from([0, 0.5, 1, 5, 100, 1500])
        ),
        max_size=60,
    )
)
def test_nothing_is_lost(changes: list[tuple[str, float]]) -> None:
    """An automation knows the worst, then the truth."""
    automation = Automation()
    for severity, seconds in changes:
        if severity != automation.severity:
            automation.change(severity)
        # Never better than it is: what is held is an end, or was published before.
        known = SEVERITIES.index(automation.announced)
        assert known >= SEVERITIES.index(automation.severity)
        automation.wait(seconds)
    automation.wait(2 * QUIET)
    assert (automation.announced == "ok") is (automation.severity == "ok")
    assert automation.stability.deadline is None
    assert not automation.stability.unstable


def test_three_hundred_flaps() -> None:
    """They are published as one alert and its end."""
    automation = Automation()
    for _ in range(300):
        automation.change("warning")
        automation.wait(0.5)
        automation.change("ok")
        automation.wait(0.5)
    assert (automation.announced, automation.ends) == ("warning", 0)
    assert automation.stability.unstable == {"SD": 600}
    automation.wait(QUIET)
    assert (automation.announced, automation.ends) == ("ok", 1)
