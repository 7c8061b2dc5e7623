"""Test which changes are unstable, and which are held."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.active_alert import ActiveAlert
from custom_components.vesper.model.alerts import MAX_ACTIVE, Alerts
from custom_components.vesper.model.occurrence import Occurrence, OccurrenceKind
from custom_components.vesper.model.stability import (
    CONNECTIVITY,
    MIN_CHANGES,
    MIN_LENGTH,
    POSTPONEMENT,
    QUIET,
    Stability,
)
from custom_components.vesper.protocol.severity import Severity

SEVERITIES = [severity.key for severity in Severity]
LONG_AGO = datetime.fromtimestamp(0, UTC)


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


def alerts_of(severity: str, *, acknowledged: bool = False) -> Alerts:
    """Return the active alerts of a device."""
    if severity == "ok":
        return Alerts()
    alert = ActiveAlert(
        subsystem="SD",
        severity=Severity(SEVERITIES.index(severity)),
        message="",
        updated_at=LONG_AGO,
        confirmed=True,
        acknowledged=acknowledged,
        raised_at=LONG_AGO,
        worsened_at=LONG_AGO,
    )
    return Alerts(active={"SD": alert})


def settle(
    stability: Stability,
    now: float,
    severity: str = "ok",
    *,
    acknowledged: bool = False,
) -> list[OccurrenceKind]:
    """Return what is published when it settles."""
    stability.forget_quiet(now)
    alerts = alerts_of(severity, acknowledged=acknowledged)
    occurrences = stability.settle("bell", alerts, now)
    assert all(one.settled and not one.held for one in occurrences)
    assert all(one.device_id == "bell" for one in occurrences)
    return [one.kind for one in occurrences]


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
    assert stability.record(cleared(), 10 + MIN_LENGTH - 0.5).held
    assert stability.counts_as_active("SD")
    assert stability.deadline == 10 + 2 * MIN_LENGTH - 0.5
    assert settle(stability, 13) == []
    assert settle(stability, 13.5) == [OccurrenceKind.ALERT_CLEARED]
    assert not stability.counts_as_active("SD")
    assert settle(stability, 14) == []


def test_an_alert_that_was_long_enough() -> None:
    """Its end is published at once."""
    stability = Stability()
    stability.record(raised(), 10)
    assert not stability.record(cleared(), 10 + MIN_LENGTH).held


def test_a_short_alert_after_a_long_one() -> None:
    """Only its own length counts."""
    stability = Stability()
    stability.record(raised(), 0)
    assert not stability.record(cleared(), 100).held
    stability.record(raised(), 200)
    assert stability.record(cleared(), 201).held


def test_an_alert_that_comes_back() -> None:
    """Neither its end nor its return is published."""
    stability = Stability()
    stability.record(raised(), 10)
    assert stability.record(cleared(), 11).held
    assert stability.record(raised(), 12).held
    assert settle(stability, 13, "warning") == []
    assert settle(stability, 14, "warning") == []
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
    assert not stability.record(cleared(announced=None), 11).held
    assert not stability.record(raised(), 12).held


def test_an_alert_that_got_worse_meanwhile() -> None:
    """What was suppressed is published when it settles."""
    stability = Stability()
    stability.record(raised(), 10)
    assert stability.record(cleared(), 11).held
    assert settle(stability, 13, "failed") == [OccurrenceKind.ALERT_RAISED]
    assert settle(stability, 20, "failed") == []


def test_an_alert_that_a_user_ends() -> None:
    """It is published at once, even if it flaps."""
    stability = Stability()
    flap(stability, 7)
    assert not stability.record(cleared(reason="action"), 401).held
    assert not stability.held
    assert not stability.record(raised(), 402).held


def test_it_is_stable_after_a_quiet_hour() -> None:
    """Then its end is published, and nothing is left."""
    stability = Stability()
    flap(stability, 8)
    assert stability.unstable == {"SD": 8}
    assert stability.deadline == 420 + QUIET
    assert settle(stability, 419 + QUIET) == []
    assert stability.unstable
    assert settle(stability, 420 + QUIET) == [OccurrenceKind.ALERT_CLEARED]
    assert not stability.unstable
    assert stability.deadline is None


def test_it_is_active_after_a_quiet_hour() -> None:
    """It is published again, unless acknowledged."""
    for acknowledged in (False, True):
        stability = Stability()
        flap(stability, 9)
        kinds = settle(stability, 480 + QUIET, "warning", acknowledged=acknowledged)
        assert kinds == ([] if acknowledged else [OccurrenceKind.ALERT_RAISED])
        assert stability.deadline is None


def test_what_is_published_of_many_alerts() -> None:
    """It has the worst severity and the last message."""
    stability = Stability()
    flap(stability, 6)
    stability.held["SD"].occurrence = replace(
        cleared("failed"), raised_at=7, message="first"
    )
    stability.record(raised(), 400)
    stability.record(replace(cleared(), raised_at=400, message="last"), 401)
    (end,) = stability.settle("bell", Alerts(), 401 + QUIET)
    assert (end.raised_at, end.announced, end.message) == (7, "failed", "last")


@pytest.mark.parametrize(
    ("first", "last", "published"), [(7, None, 7), (7, 400, 7), (None, 400, 400)]
)
def test_since_when_any_was_critical(
    first: float | None, last: float | None, published: float
) -> None:
    """It is that of the first critical one."""
    stability = Stability()
    for number, critical_at in enumerate((first, last)):
        stability.record(raised(), 2 * number)
        end = replace(cleared(), critical_at=critical_at)
        assert stability.record(end, 2 * number + 1).held
    (end,) = stability.settle("bell", Alerts(), 3 + MIN_LENGTH)
    assert end.critical_at == published


@pytest.mark.parametrize("known", ["first", "last", "both"])
def test_who_knew_of_any(known: str) -> None:
    """It is the last one who knew."""
    stability = Stability()
    for number, name in enumerate(("first", "last")):
        stability.record(raised(), 2 * number)
        acknowledged = known in (name, "both")
        end = replace(
            cleared(),
            acknowledged=acknowledged,
            acknowledged_by=name if acknowledged else None,
        )
        assert stability.record(end, 2 * number + 1).held
    (end,) = stability.settle("bell", Alerts(), 3 + MIN_LENGTH)
    assert end.acknowledged
    assert end.acknowledged_by == ("first" if known == "first" else "last")


def test_severity_that_flaps() -> None:
    """It is published until unstable, and when worse."""
    stability = Stability()
    held = [
        stability.record(raised(severity), number).held
        for number, severity in enumerate(["warning", *["critical"] * 5, "failed"])
    ]
    assert held == [False] * 3 + [True] * 3 + [False]


def test_suppressed() -> None:
    """It settles a minute later, again and again."""
    stability = Stability()
    stability.record(raised(), 10)
    assert stability.record(cleared(), 11).held
    stability.postpone(13)
    assert stability.deadline == 13 + POSTPONEMENT
    stability.postpone(13 + POSTPONEMENT)
    assert stability.deadline == 13 + 2 * POSTPONEMENT


def test_connectivity() -> None:
    """It may be unstable, and is never held."""
    stability = Stability()
    for number in range(MIN_CHANGES):
        kind = (OccurrenceKind.WENT_OFFLINE, OccurrenceKind.CAME_ONLINE)[number % 2]
        occurrence = Occurrence(kind=kind, device_id="bell")
        assert not stability.unstable
        assert stability.record(occurrence, number) is occurrence
    assert stability.unstable == {CONNECTIVITY: MIN_CHANGES}
    assert settle(stability, MIN_CHANGES + QUIET) == []
    assert not stability.unstable


def test_other_occurrences() -> None:
    """They do not count."""
    stability = Stability()
    for kind in (OccurrenceKind.FLEET_OUTAGE, OccurrenceKind.STARTED_PLAYING):
        stability.record(Occurrence(kind=kind, device_id="bell"), 0)
    assert stability.deadline is None


def test_many_subsystems() -> None:
    """As many are followed as can have an alert."""
    stability = Stability()
    for number in range(3 * MAX_ACTIVE):
        occurrence = raised(subsystem=f"S{number}")
        assert stability.record(occurrence, 0) is occurrence
        ended = cleared(subsystem=f"S{number}")
        assert stability.record(ended, 0).held is (number <= MAX_ACTIVE)
    assert len(stability._times) == MAX_ACTIVE + 1  # noqa: SLF001
    assert len(stability.held) == MAX_ACTIVE + 1
    assert len(settle(stability, QUIET)) == MAX_ACTIVE + 1
    assert stability.deadline is None


@dataclass
class Automation:
    """What a trigger knows about one alert."""

    stability: Stability = field(default_factory=Stability)
    severity: str = "ok"
    """The real one."""
    announced: str = "ok"
    """The worst that was published since its last published end."""
    runs: list[str] = field(default_factory=list)
    """The severity of each run, `ok` for an end."""
    now: float = 0

    def change(self, severity: str) -> None:
        """Raise, worsen, improve or clear the alert."""
        before, self.severity = self.severity, severity
        if severity == "ok":
            occurrence = cleared(self.announced)
        elif SEVERITIES.index(severity) > SEVERITIES.index(before):
            occurrence = raised(severity)
        else:
            return
        self.publish([self.stability.record(occurrence, self.now)])

    def publish(self, occurrences: list[Occurrence]) -> None:
        """Run for what is not held."""
        for occurrence in occurrences:
            if occurrence.held:
                continue
            state = occurrence.to_state or ""
            self.runs.append(state)
            self.announced = (
                "ok"
                if state == "ok"
                else max(self.announced, state, key=SEVERITIES.index)
            )

    def wait(self, seconds: float) -> None:
        """Let time pass, and settle whenever it is due."""
        end = self.now + seconds
        while (due := self.stability.deadline) is not None and due <= end:
            self.now = due
            self.stability.forget_quiet(due)
            alerts = alerts_of(self.severity)
            self.publish(self.stability.settle("bell", alerts, due))
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


@pytest.mark.parametrize(
    ("states", "runs"),
    [
        (["warning", "ok"], ["warning", "ok"]),
        (["failed", "ok", "warning", "ok"], ["failed", "ok"]),
        (["ok", "warning"], ["warning", "warning"]),
        (["warning", "critical"], ["warning", *["critical"] * 3]),
    ],
)
def test_three_hundred_flaps(states: list[str], runs: list[str]) -> None:
    """They are published as one alert."""
    automation = Automation()
    for number in range(300 * len(states)):
        state = states[number % len(states)]
        if state != automation.severity:
            automation.change(state)
        automation.wait(0.5)
    automation.wait(2 * QUIET)
    assert automation.runs == runs
