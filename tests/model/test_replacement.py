"""Test what a replaced device leaves behind."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from custom_components.vesper.model.active_alert import ActiveAlert
from custom_components.vesper.model.alerts import ClosedBy
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.replacement import take_over
from custom_components.vesper.protocol.severity import Severity

EARLY = datetime(2030, 1, 1, tzinfo=UTC)
LATE = datetime(2030, 1, 2, tzinfo=UTC)


def alert(severity: Severity, time: datetime) -> ActiveAlert:
    """Return an alert that was raised and announced."""
    return ActiveAlert(
        subsystem="SD",
        severity=severity,
        message="",
        updated_at=time,
        confirmed=True,
        raised_at=time,
        worsened_at=time,
        critical_at=None if severity < Severity.CRITICAL else time,
        announced=severity,
    )


def continued(before: ActiveAlert, after: ActiveAlert) -> ActiveAlert:
    """Return what becomes of an alert that both have."""
    old, new = Device(device_id="old"), Device(device_id="new")
    old.alerts.active["SD"], new.alerts.active["SD"] = before, after
    take_over(new, old)
    return new.alerts.active["SD"]


@pytest.mark.parametrize(
    ("before", "after", "critical_at"),
    [
        (Severity.WARNING, Severity.CRITICAL, LATE),
        (Severity.CRITICAL, Severity.WARNING, None),
        (Severity.CRITICAL, Severity.CRITICAL, EARLY),
    ],
)
def test_alert_of_both(
    before: Severity, after: Severity, critical_at: datetime | None
) -> None:
    """It goes on, and triggers know the worst."""
    alert_of_both = continued(alert(before, EARLY), alert(after, LATE))
    assert alert_of_both.raised_at == EARLY
    assert alert_of_both.critical_at == critical_at
    assert alert_of_both.announced is Severity.CRITICAL
    assert alert_of_both.worsened_at == (LATE if after > before else EARLY)


@pytest.mark.parametrize(
    ("severity", "acknowledged"), [(Severity.WARNING, True), (Severity.FAILED, False)]
)
def test_acknowledged_before(severity: Severity, *, acknowledged: bool) -> None:
    """It holds until the alert gets worse."""
    before = replace(alert(Severity.WARNING, EARLY), acknowledged=True)
    after = continued(before, alert(severity, LATE))
    assert after.acknowledged is acknowledged


def test_both_are_acknowledged() -> None:
    """The note of the new one is kept."""
    before, after = (
        replace(alert(Severity.WARNING, EARLY), acknowledged=True, note=note)
        for note in ("old", "new")
    )
    assert continued(before, after).note == "new"


def test_causes_of_ended_alerts() -> None:
    """Those of active alerts and unknown names are dropped."""
    old, new = Device(device_id="old"), Device(device_id="new")
    old.alerts.subsystems = ("SD", "Clock", "Network")
    closed = dict.fromkeys(("SD", "Clock", "Network", "gone"), ClosedBy.ACTION)
    old.alerts.closed_by = closed
    new.alerts.active["SD"] = alert(Severity.WARNING, LATE)
    new.alerts.closed_by = {"Clock": ClosedBy.RESTART}
    take_over(new, old)
    assert new.alerts.closed_by == {
        "Clock": ClosedBy.RESTART,
        "Network": ClosedBy.ACTION,
    }
