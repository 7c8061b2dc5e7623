"""Write a history of simulated devices.

Home Assistant does not run meanwhile. The history is written to its recorder and to
the store of the integration, and replaces the states and the availability that these
have of the devices.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
import fcntl
from itertools import batched
import json
from pathlib import Path
import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, delete, func, insert, select, update
from sqlalchemy.orm import Session

from custom_components.vesper import binary_sensor, sensor, switch
from custom_components.vesper.const import DOMAIN
from custom_components.vesper.hub.registry import (
    ALERT_KEY,
    fleet_unique_id_of,
    unique_id_of,
)
from custom_components.vesper.hub.store import MINOR_VERSION, VERSION
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.restarts import Restarts
from custom_components.vesper.model.snapshot import deserialize, serialize
from custom_components.vesper.protocol.severity import Severity
from homeassistant.components.recorder import migration
from homeassistant.components.recorder.db_schema import (
    SCHEMA_VERSION,
    Base,
    RecorderRuns,
    SchemaChanges,
    StateAttributes,
    States,
    StatesMeta,
)
from homeassistant.helpers.entity import EntityDescription
from homeassistant.util import slugify

from .home_assistant import load_entry_ids, load_storage, write_storage
from .replay import FLEET, Past, State, replay
from .timeline import DAY, HOUR, Bell

if TYPE_CHECKING:
    from .fleet import Fleet

DATABASE: Final = "home-assistant_v2.db"
_LOCK: Final = ".ha_run.lock"
_TEXTS: Final = (
    Path(__file__).parents[2] / "custom_components/vesper/translations/en.json"
)

#: SQLite takes so many variables in a statement.
_BATCH: Final = 500

#: The entities that are not registered yet, but will be.
_DESCRIPTIONS: Final[Mapping[str, tuple[str, EntityDescription]]] = {
    description.key: (platform, description)
    for platform, descriptions in (
        ("binary_sensor", binary_sensor.DESCRIPTIONS),
        ("binary_sensor", binary_sensor.FLEET_DESCRIPTIONS),
        ("sensor", sensor.DESCRIPTIONS),
        ("sensor", sensor.FLEET_DESCRIPTIONS),
        ("switch", switch.DESCRIPTIONS),
    )
    for description in descriptions
}
#: What a description says of the attributes, and the attributes' names.
_DESCRIBED: Final = {
    "device_class": "device_class",
    "native_unit_of_measurement": "unit_of_measurement",
    "options": "options",
    "state_class": "state_class",
}


@dataclass(frozen=True, slots=True)
class _Entity:
    entity_id: str
    attributes: Mapping[str, Any]


def bells_of(fleet: Fleet, now: float) -> list[Bell]:
    """Return the devices of a fleet."""
    bells = []
    for device_id in fleet.device_ids:
        with fleet.device(device_id) as device:
            booted = int(now) - device.uptime
            bells.append(Bell(device_id, device.version, booted))
    return bells


def write_history(
    directory: Path,
    bells: Mapping[str, Sequence[Bell]],
    seconds: int,
    *,
    seed: int = 0,
    now: float | None = None,
) -> dict[str, Past]:
    """Write what happened to devices until now.

    The devices are given by the prefix of their site; so are their pasts, which differ.

    It begins at least so many seconds ago: with a day of UTC, or with an hour if they
    are no whole days, as the integration sums up by days and hours.

    `directory` is the configuration directory of a Home Assistant that was set up with
    the integration. Raises RuntimeError if it runs, has no entry of a prefix, or has a
    database of another version.
    """
    end = int(time.time() if now is None else now)
    with _locked(directory):
        storage = directory / ".storage"
        entry_ids = load_entry_ids(storage)
        if missing := [prefix for prefix in bells if prefix not in entry_ids]:
            msg = f"Vesper has no entry with the topic prefix {', '.join(missing)}"
            raise RuntimeError(msg)
        period = HOUR if seconds % DAY else DAY
        start = (end - seconds) // period * period
        pasts = {
            prefix: replay(of_site, seed + index, start, end)
            for index, (prefix, of_site) in enumerate(bells.items())
        }
        entities = _entities(storage, entry_ids, pasts)
        # First, as it is what may be refused.
        _write_states(directory / DATABASE, pasts, entities)
        for prefix, past in pasts.items():
            _write_devices(storage / f"{DOMAIN}.{entry_ids[prefix]}", past)
    return pasts


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep Home Assistant from starting meanwhile."""
    if not (directory / ".storage").is_dir():
        msg = f"{directory} is no configuration directory of Home Assistant"
        raise RuntimeError(msg)
    with (directory / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            msg = f"The Home Assistant of {directory} is running: stop it first"
            raise RuntimeError(msg) from None
        yield


def _write_devices(path: Path, past: Past) -> None:
    """Write the devices into the store of the integration.

    A stored device keeps what it has reported, such as its uptime and its alerts.
    """
    devices: dict[str, Any] = load_storage(path).get("devices", {})
    for device_id, replayed in past.devices.items():
        device = replayed
        if device_id in devices:
            device = deserialize(device_id, devices[device_id])
            device.availability = replayed.availability
            _add_subsystems(device, replayed)
        else:
            # The uptime of its next heartbeat would be off by some seconds.
            device.restarts = Restarts()
        devices[device_id] = json.loads(serialize(device, past.end, past.end))
    write_storage(
        path, version=VERSION, minor_version=MINOR_VERSION, data={"devices": devices}
    )


def _add_subsystems(device: Device, replayed: Device) -> None:
    """Add the subsystems whose alerts are over."""
    alerts = device.alerts
    alerts.subsystems = tuple(
        dict.fromkeys((*alerts.subsystems, *replayed.alerts.subsystems))
    )


class _Entities:
    """The entities, as registered or as they will be."""

    def __init__(
        self, storage: Path, entry_id: str, unpredictable: AbstractSet[str]
    ) -> None:
        """Read the registries.

        `unpredictable` are the devices whose entities get ids that are not foreseeable.
        """
        self._entry_id = entry_id
        self._unpredictable = unpredictable
        self._texts = json.loads(_TEXTS.read_text())["entity"]
        self._names = {
            device["id"]: device["name_by_user"] or device["name"]
            for device in load_storage(storage / "core.device_registry").get(
                "devices", []
            )
        }
        entities = load_storage(storage / "core.entity_registry").get("entities", [])
        self._taken = {entity["entity_id"] for entity in entities}
        self._registered = {
            entity["unique_id"]: entity
            for entity in entities
            if entity["config_entry_id"] == entry_id
        }

    def find(self, device_id: str, key: str) -> _Entity | None:
        """Return an entity.

        None if it is disabled, or if its id is not known yet.
        """
        unique_id = (
            fleet_unique_id_of(self._entry_id, key)
            if device_id == FLEET
            else unique_id_of(self._entry_id, device_id, key)
        )
        if (entity := self._registered.get(unique_id)) is None:
            is_known = device_id not in self._unpredictable
            return self._predict(device_id, key) if is_known else None
        if entity["disabled_by"] is not None:
            return None
        attributes = dict(entity["capabilities"] or {})
        name = entity["name"] or entity["original_name"]
        attributes |= {
            "device_class": entity["device_class"] or entity["original_device_class"],
            "unit_of_measurement": entity["unit_of_measurement"],
            "friendly_name": f"{self._names.get(entity['device_id'])} {name}",
        }
        return _Entity(
            entity["entity_id"],
            {name: value for name, value in attributes.items() if value is not None},
        )

    def _predict(self, device_id: str, key: str) -> _Entity | None:
        """Return an entity as Home Assistant will register it."""
        attributes: dict[str, Any]
        if key.startswith(ALERT_KEY):
            platform = "sensor"
            name = key.removeprefix(ALERT_KEY)
            attributes = {"options": [each.key for each in Severity]}
            attributes |= {"device_class": "enum"}
        else:
            platform, description = _DESCRIPTIONS[key]
            # A user has to enable it, which registers it.
            if not description.entity_registry_enabled_default:
                return None
            name = self._texts[platform][key]["name"]
            attributes = {
                attribute: value
                for field, attribute in _DESCRIBED.items()
                if (value := getattr(description, field, None)) is not None
            }
        device = "All Vesper devices" if device_id == FLEET else f"Vesper {device_id}"
        friendly_name = f"{device} {name}"
        entity_id = f"{platform}.{slugify(friendly_name)}"
        if entity_id in self._taken:
            return None
        return _Entity(entity_id, attributes | {"friendly_name": friendly_name})


def _entities(
    storage: Path, entry_ids: Mapping[str, str], pasts: Mapping[str, Past]
) -> dict[str, _Entities]:
    """Return the entities of each site.

    Where sites have a device of the same name, each entity id of one of them gets a
    number. Which one depends on what Home Assistant registers first.
    """
    counts = Counter(device_id for past in pasts.values() for device_id in past.devices)
    several = {device_id for device_id, count in counts.items() if count > 1}
    if len(entry_ids) > 1:
        several.add(FLEET)
    return {prefix: _Entities(storage, entry_ids[prefix], several) for prefix in pasts}


def _write_states(
    path: Path, pasts: Mapping[str, Past], entities: Mapping[str, _Entities]
) -> None:
    """Write the states into the recorder's database."""
    engine = create_engine(f"sqlite:///{path}")
    try:
        Base.metadata.create_all(engine)
        migration.initialize_database(lambda: Session(engine))
        with Session(engine) as session, session.begin():
            version = session.scalar(
                select(SchemaChanges.schema_version).order_by(
                    SchemaChanges.change_id.desc()
                )
            )
            if version != SCHEMA_VERSION:
                msg = f"{path} is of another version: start Home Assistant once"
                raise RuntimeError(msg)
            for prefix, past in pasts.items():
                _insert_states(session, past, entities[prefix])
            start, end = _utc(past.start), _utc(past.end)
            session.add(RecorderRuns(start=start, end=end, created=_utc()))
    finally:
        engine.dispose()


def _insert_states(session: Session, past: Past, entities: _Entities) -> None:
    """Insert the states, and delete those before."""
    found = {
        (state.device_id, state.key): entities.find(state.device_id, state.key)
        for state in past.states
    }
    metadata_ids = _metadata_ids(
        session, sorted({entity.entity_id for entity in found.values() if entity})
    )
    _delete_states(session, list(metadata_ids.values()))
    # Not left to the database: each state refers to the one before.
    state_id = session.scalar(select(func.max(States.state_id))) or 0
    attributes_ids: dict[str, int] = {}
    last: dict[str, int] = {}
    rows = []
    for state in past.states:
        if (entity := found[state.device_id, state.key]) is None:
            continue
        state_id += 1
        rows.append(
            {
                "state_id": state_id,
                "state": state.state,
                "metadata_id": metadata_ids[entity.entity_id],
                "attributes_id": _attributes_id(session, state, entity, attributes_ids),
                "last_updated_ts": float(state.at),
                "old_state_id": last.get(entity.entity_id),
                "origin_idx": 0,
            }
        )
        last[entity.entity_id] = state_id
    session.execute(insert(States), rows)


def _metadata_ids(session: Session, entity_ids: Sequence[str]) -> dict[str, int]:
    """Return the recorder's ids of entities, new where needed."""
    metas = {
        meta.entity_id: meta
        for batch in batched(entity_ids, _BATCH, strict=False)
        for meta in session.scalars(
            select(StatesMeta).where(StatesMeta.entity_id.in_(batch))
        )
    }
    for entity_id in entity_ids:
        if entity_id not in metas:
            metas[entity_id] = StatesMeta(entity_id=entity_id)
            session.add(metas[entity_id])
    session.flush()
    return {entity_id: metas[entity_id].metadata_id for entity_id in entity_ids}


def _delete_states(session: Session, metadata_ids: Sequence[int]) -> None:
    """Delete the states of entities."""
    for batch in batched(metadata_ids, _BATCH, strict=False):
        is_theirs = States.metadata_id.in_(batch)
        session.execute(update(States).where(is_theirs).values(old_state_id=None))
        session.execute(delete(States).where(is_theirs))


def _attributes_id(
    session: Session, state: State, entity: _Entity, known: dict[str, int]
) -> int:
    """Return the recorder's id of attributes."""
    text = json.dumps({**entity.attributes, **state.attributes}, separators=(",", ":"))
    if text not in known:
        row = StateAttributes(
            hash=StateAttributes.hash_shared_attrs_bytes(text.encode()),
            shared_attrs=text,
        )
        session.add(row)
        session.flush()
        known[text] = row.attributes_id
    return known[text]


def _utc(timestamp: float | None = None) -> datetime:
    return datetime.fromtimestamp(time.time() if timestamp is None else timestamp, UTC)
