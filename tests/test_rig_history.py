"""The history that the rig writes of simulated devices."""

from collections.abc import Mapping
from functools import partial
import json
from pathlib import Path
import sqlite3
from typing import Any

import pytest

from custom_components.vesper.const import DOMAIN
from custom_components.vesper.hub.registry import unique_id_of
from custom_components.vesper.model.availability import MONTH, Cause
from custom_components.vesper.model.availability_report import availability_report
from custom_components.vesper.model.snapshot import deserialize, serialize
from tests.common import BELL, FLEET as ENTRY_ID, Vesper
from tests.rig import fleet
from tests.rig.history import DATABASE, write_history
from tests.rig.replay import FLEET, Past, replay
from tests.rig.timeline import DAY, HOUR, TIMEOUT, Bell, Kind, timeline

#: It ends with a day, so that each day counts as a whole.
END = 20_718 * DAY
START = END - 7 * DAY
BELLS = [
    Bell("chapel", "1.1.0", END - 3 * DAY),
    Bell("tower", "1.1.0", END - 30 * DAY),
    Bell("library", "1.1.0", END - 5 * DAY),
    Bell("courtyard", "1.0.0", END - 2 * HOUR),
]
PREFIX = "vesper"
OTHER_ENTRY_ID = "other"
OTHER_PREFIX = "south/vesper"


@pytest.fixture(scope="module")
def past() -> Past:
    """Return a week of four devices."""
    return replay(BELLS, 0, START, END)


@pytest.mark.parametrize("bell", BELLS, ids=lambda bell: bell.device_id)
@pytest.mark.parametrize("seed", range(5))
def test_timeline(bell: Bell, seed: int) -> None:
    """It follows from its arguments."""
    steps = timeline(seed, bell, START, END)
    assert steps == timeline(seed, bell, START, END)
    assert steps != timeline(seed + 1, bell, START, END)
    assert steps[0].at == START
    assert steps[-1].at == END
    assert sorted(steps, key=lambda step: step.at) == steps
    restarts = [step.at for step in steps if step.kind is Kind.RESTARTED]
    if bell.booted > START:
        assert restarts[-1] == pytest.approx(bell.booted, abs=10)
    else:
        assert not restarts


def test_what_happens(past: Past) -> None:
    """A week has some of everything."""
    kinds = {
        step.kind for bell in BELLS for step in timeline(0, bell, past.start, past.end)
    }
    assert kinds == set(Kind)
    causes = [
        [outage.cause for outage in device.availability.outages]
        for device in past.devices.values()
    ]
    assert sum(Cause.FLEET_OUTAGE in of_device for of_device in causes) >= 3
    assert all(Cause.DEVICE in of_device for of_device in causes)
    for device in past.devices.values():
        assert device.online
        assert not device.alerts.active
        assert not device.in_maintenance


@pytest.mark.parametrize("bell", BELLS, ids=lambda bell: bell.device_id)
def test_store_and_states_agree(past: Past, bell: Bell) -> None:
    """The stored availability follows from the recorded states."""
    stored = serialize(past.devices[bell.device_id], END, END)
    device = deserialize(bell.device_id, json.loads(stored))
    observed, online = _observed(past, bell.device_id)
    window = device.availability.window(MONTH, END)
    assert (window.observed, window.online) == (observed, online)
    report = availability_report(device, END)
    week = round(100 * online / observed, 2)
    assert report["availability"]["week"] == week
    boots = {state.state for state in past.states if _is(state, bell, "boot_time")}
    # The first one is of a boot before.
    assert report["restarts"]["week"] == len(boots) - 1
    assert 90 < week < 100
    shown = [state for state in past.states if _is(state, bell, "availability")]
    assert shown[-1].state == "unknown"
    assert shown[-1].attributes == {
        "day": report["availability"]["day"],
        "week": report["availability"]["week"],
    }


def test_availability_of_a_month() -> None:
    """It is known after two weeks."""
    past = replay(BELLS[:1], 0, END - 20 * DAY, END)
    shown = {(state.device_id, state.key): state.state for state in past.states}
    month = past.devices["chapel"].availability.window(MONTH, END).ratio
    assert month is not None
    assert shown["chapel", "availability"] == str(round(100 * month, 2))
    assert float(shown[FLEET, "fleet_availability"]) == pytest.approx(
        100 * month, abs=0.1
    )


def test_written(tmp_path: Path) -> None:
    """States have registered ids, and reported values stay."""
    storage = _storage(tmp_path)
    kept = {"telemetry": {"heap_free": 1234}, "uptime": 77, "subsystems": ["Player"]}
    _store(storage / f"{DOMAIN}.{ENTRY_ID}", {"devices": {"tower": kept, "old": {}}})
    for _ in range(2):  # the second one replaces the first
        (past,) = write_history(tmp_path, {PREFIX: BELLS}, 7 * DAY, now=END).values()
    shown = _recorded(tmp_path)
    connectivity = [
        state.state for state in past.states if _is(state, BELLS[0], "connectivity")
    ]
    assert shown["binary_sensor.renamed"] == connectivity
    assert connectivity.count("off") >= 2
    assert "binary_sensor.vesper_chapel_connectivity" not in shown
    assert shown["binary_sensor.vesper_tower_connectivity"]
    assert set(shown["sensor.vesper_chapel_networking"]) == {"failed", "ok"}
    assert shown["sensor.all_vesper_devices_devices_online"][0] == "4"
    # A user has not enabled it.
    assert not [name for name in shown if "restarts" in name or "problem_2" in name]
    written = _load(storage / f"{DOMAIN}.{ENTRY_ID}")["devices"]
    assert set(written) == {"old", "chapel", "tower", "library", "courtyard"}
    assert written["tower"]["uptime"] == 77
    assert written["tower"]["telemetry"]["heap_free"] == 1234
    assert "uptime" not in written["chapel"]
    tower = deserialize("tower", written["tower"])
    replayed = past.devices["tower"].availability
    assert tower.availability.window(MONTH, END) == replayed.window(MONTH, END)


async def test_attributes(vesper: Vesper, tmp_path: Path) -> None:
    """They are the same as those of real entities."""
    await vesper.report_everything()
    for subsystem in ("Networking", "Player", "TimeManager"):
        await vesper.alert(subsystem, "FAILED")
    _storage(tmp_path)
    await vesper.hass.async_add_executor_job(
        partial(
            write_history,
            tmp_path,
            {PREFIX: [Bell(BELL, "1.1.0", START)]},
            DAY,
            now=END,
        )
    )
    written = _recorded_attributes(tmp_path)
    compared = [
        "device_class",
        "friendly_name",
        "options",
        "state_class",
        "unit_of_measurement",
    ]
    assert len(written) > 10
    for entity_id, attributes in written.items():
        state = vesper.hass.states.get(entity_id)
        assert state is not None, entity_id
        assert {key: attributes.get(key) for key in compared} == {
            key: state.attributes.get(key) for key in compared
        }, entity_id


@pytest.mark.parametrize("entries", [0, 1])
def test_which_entry(tmp_path: Path, entries: int) -> None:
    """Without an entry of each prefix nothing is written."""
    _storage(tmp_path, entries)
    bells = {PREFIX: BELLS, OTHER_PREFIX: BELLS}
    with pytest.raises(RuntimeError, match=f"no entry with .* {OTHER_PREFIX}$"):
        write_history(tmp_path, bells, DAY, now=END)
    assert not (tmp_path / DATABASE).exists()


def test_several_sites(tmp_path: Path) -> None:
    """Each has the history of its own devices."""
    storage = _storage(tmp_path, 2)
    bells = {PREFIX: BELLS[:2], OTHER_PREFIX: [BELLS[0], BELLS[2]]}
    pasts = write_history(tmp_path, bells, 7 * DAY, now=END)
    assert list(pasts) == [PREFIX, OTHER_PREFIX]
    shown = _recorded(tmp_path)
    for prefix, entity_id in (
        (PREFIX, "binary_sensor.renamed"),
        (OTHER_PREFIX, "binary_sensor.vesper_chapel_connectivity"),
    ):
        assert shown[entity_id] == [
            state.state
            for state in pasts[prefix].states
            if _is(state, BELLS[0], "connectivity")
        ]
    assert shown["binary_sensor.renamed"] != shown[entity_id]
    assert "binary_sensor.vesper_tower_connectivity" in shown
    assert "binary_sensor.vesper_library_connectivity" in shown
    # Which of both gets an entity id that is not registered is not known yet.
    common = [name for name in shown if "chapel" in name or "all_vesper" in name]
    assert common == ["binary_sensor.vesper_chapel_connectivity"]
    for prefix, entry_id in ((PREFIX, ENTRY_ID), (OTHER_PREFIX, OTHER_ENTRY_ID)):
        written = _load(storage / f"{DOMAIN}.{entry_id}")["devices"]
        assert set(written) == {bell.device_id for bell in bells[prefix]}
        chapel = deserialize("chapel", written["chapel"])
        replayed = pasts[prefix].devices["chapel"].availability
        assert chapel.availability.window(MONTH, END) == replayed.window(MONTH, END)


def test_a_taken_entity_id(tmp_path: Path) -> None:
    """The states of another site are not replaced."""
    _storage(tmp_path, 2)
    write_history(tmp_path, {PREFIX: BELLS[:1]}, 7 * DAY, now=END)
    shown = _recorded(tmp_path)
    assert "sensor.vesper_chapel_player" in shown
    assert "sensor.vesper_chapel_networking" not in shown


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("--history 7d", "need each other"),
        ("--config x", "need each other"),
        ("--history 31d --config x", "'31d' is no duration: give 1h to 30d"),
        ("--history 0h --config x", "'0h' is no duration"),
        ("--history week --config x", "'week' is no duration"),
    ],
)
def test_refusal(
    line: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Invalid arguments are rejected with a reason."""
    monkeypatch.setattr("sys.argv", ["fleet", *line.split(" ")])
    with pytest.raises(SystemExit) as refusal:
        fleet.main()
    assert refusal.value.code == 2
    assert reason in " ".join(capsys.readouterr().err.split())


def test_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command needs no broker."""
    line = ["--history", "36h", "--config", str(tmp_path), "--scenario", "idle"]
    monkeypatch.setattr("sys.argv", ["fleet", *line, "--devices", "2"])
    with pytest.raises(SystemExit, match="is no configuration directory"):
        fleet.main()
    storage = _storage(tmp_path)
    with pytest.raises(SystemExit) as end:
        fleet.main()
    assert not end.value.code
    written = _load(storage / f"{DOMAIN}.{ENTRY_ID}")["devices"]
    assert set(written) == {"vesper-0001", "vesper-0002"}
    assert "binary_sensor.vesper_vesper_0001_connectivity" in _recorded(tmp_path)


def _is(state: Any, bell: Bell, key: str) -> bool:
    return (state.device_id, state.key) == (bell.device_id, key)


def _observed(past: Past, device_id: str) -> tuple[int, int]:
    """Return the observed and online seconds of the states.

    An outage begins one timeout before its state.
    """
    observed = online = 0
    is_online, in_maintenance, since = True, False, past.start
    for state in [
        *(one for one in past.states if one.device_id == device_id),
        past.states[0]._replace(at=past.end, key="end"),
    ]:
        if state.key not in ("connectivity", "maintenance", "end"):
            continue
        if not in_maintenance:
            observed += state.at - since
            online += (state.at - since) * is_online
        since = state.at
        if state.key == "connectivity":
            if state.state == "off" and not in_maintenance:
                online -= TIMEOUT
            is_online = state.state == "on"
        elif state.key == "maintenance":
            in_maintenance = state.state == "on"
    return observed, online


def _storage(directory: Path, entries: int = 1) -> Path:
    """Write what Home Assistant has of the integration."""
    storage = directory / ".storage"
    storage.mkdir()
    listed = [
        {"domain": DOMAIN, "entry_id": entry_id, "data": {"prefix": prefix}}
        for entry_id, prefix in (
            (ENTRY_ID, PREFIX),
            (OTHER_ENTRY_ID, OTHER_PREFIX),
        )
    ][:entries]
    listed.append({"domain": DOMAIN, "entry_id": "ignored", "data": {}})
    listed.append({"domain": "mqtt", "entry_id": "mqtt", "data": {}})
    _store(storage / "core.config_entries", {"entries": listed})
    _store(
        storage / "core.device_registry",
        {"devices": [{"id": "1", "name": "Vesper chapel", "name_by_user": None}]},
    )
    registered = [
        _entity("binary_sensor.renamed", "connectivity"),
        _entity("sensor.vesper_chapel_restarts", "restarts", disabled="user"),
        *(
            _entity(f"{platform}.vesper_chapel_{key}", key, OTHER_ENTRY_ID)
            for platform, key in (
                ("binary_sensor", "connectivity"),
                ("sensor", "networking"),
            )
            if entries > 1
        ),
    ]
    _store(storage / "core.entity_registry", {"entities": registered})
    return storage


def _entity(
    entity_id: str, key: str, entry_id: str = ENTRY_ID, *, disabled: str | None = None
) -> Mapping[str, Any]:
    """Return an entity of the device `chapel`."""
    return {
        "entity_id": entity_id,
        "unique_id": unique_id_of(entry_id, "chapel", key),
        "config_entry_id": entry_id,
        "device_id": "1",
        "disabled_by": disabled,
        "name": None,
        "original_name": "Name",
        "capabilities": None,
        "device_class": None,
        "original_device_class": None,
        "unit_of_measurement": None,
    }


def _store(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(json.dumps({"data": data}))


def _load(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text())["data"]
    return data


def _recorded_attributes(directory: Path) -> dict[str, Any]:
    """Return the attributes of each last state."""
    database = sqlite3.connect(directory / DATABASE)
    try:
        rows = database.execute(
            "SELECT m.entity_id, a.shared_attrs FROM states AS s"
            " JOIN states_meta AS m USING (metadata_id)"
            " JOIN state_attributes AS a USING (attributes_id)"
            " ORDER BY s.state_id"
        ).fetchall()
    finally:
        database.close()
    return {entity_id: json.loads(attributes) for entity_id, attributes in rows}


def _recorded(directory: Path) -> dict[str, list[str]]:
    """Return the recorded states by entity id, in order."""
    database = sqlite3.connect(directory / DATABASE)
    try:
        rows = database.execute(
            "SELECT m.entity_id, s.state FROM states AS s"
            " JOIN states_meta AS m USING (metadata_id)"
            " ORDER BY s.last_updated_ts, s.state_id"
        ).fetchall()
    finally:
        database.close()
    recorded: dict[str, list[str]] = {}
    for entity_id, state in rows:
        recorded.setdefault(entity_id, []).append(state)
    return recorded
