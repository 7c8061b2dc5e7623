"""Arguments that the rig's command line rejects."""

import pytest

from tests.rig import develop


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("--port 99999", "'99999' is no port: give a number from 1 to 65535"),
        ("--port 0", "'0' is no port"),
        ("--port http", "'http' is no port"),
        ("--broker a:99999", "'99999' is no port"),
        ("--broker :1883", "':1883' is not HOST:PORT"),
        ("--broker=", "'' is not HOST:PORT"),
        ("--prefix a/+", "contains a wildcard"),
        ("--prefix=", "is empty"),
        ("--prefix a//b", "has an empty level"),
        ("--username user", "are for --broker"),
        ("--check --fresh", "omit --fresh"),
        ("--sites 0", "'0' is no number of sites: give 1 to 4"),
        ("--sites 5", "'5' is no number of sites"),
        ("--sites two", "'two' is no number of sites"),
        ("--sites 2 --broker a:1", "--sites is for the simulated devices"),
        ("--check --prefix a --port 1", "omit --port, --prefix"),
        ("--check --sites 2 --fresh", "omit --fresh"),
        ("--check --broker a:1 --username b", "omit --broker, --username"),
    ],
)
def test_refusal(
    line: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Invalid arguments are rejected with a reason."""
    monkeypatch.setattr("sys.argv", ["scripts/develop", *line.split(" ")])
    with pytest.raises(SystemExit) as refusal:
        develop.main()
    assert refusal.value.code == 2
    assert reason in " ".join(capsys.readouterr().err.split())
