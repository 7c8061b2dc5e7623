"""Test what is reported once maintenance is over."""

from datetime import UTC, datetime

import pytest

from custom_components.vesper.model.active_alert import ActiveAlert
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.occurrence import OccurrenceKind
from custom_components.vesper.protocol.severity import Severity

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("announced", "severity", "acknowledged", "reported"),
    [
        (Severity.OK, Severity.CRITICAL, False, ["ok"]),
        (Severity.WARNING, Severity.CRITICAL, False, ["warning"]),
        (Severity.FAILED, Severity.CRITICAL, False, []),
        (Severity.CRITICAL, Severity.CRITICAL, False, []),
        (Severity.OK, Severity.CRITICAL, True, []),
    ],
)
def test_alert_that_was_raised_in_maintenance(
    announced: Severity, severity: Severity, reported: list[str], *, acknowledged: bool
) -> None:
    """It is reported if worse than was announced."""
    device = Device(device_id="bell")
    device.set_maintenance(NOW.timestamp() + 3600)
    device.alerts.active["SD"] = ActiveAlert(
        subsystem="SD",
        severity=severity,
        message="",
        updated_at=NOW,
        confirmed=True,
        acknowledged=acknowledged,
        raised_at=NOW,
        worsened_at=NOW,
        announced=announced,
        suppressed=True,
    )
    device.set_maintenance(None)
    alert = device.alerts.active["SD"]
    assert alert.announced is max(announced, severity)
    assert not alert.suppressed
    raised = [
        one for one in device.occurrences if one.kind is OccurrenceKind.ALERT_RAISED
    ]
    assert [one.from_state for one in raised] == reported
    assert all(one.postponed for one in raised)
