"""A released Home Assistant with its own directory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
import json
import logging
from pathlib import Path
import re
import shutil
import struct
import sys
import time
from typing import Any, Final, Self

from paho.mqtt import publish as mqtt_publish

from .api import Api, ApiError
from .broker import BrokerAddress
from .github import GitHub
from .process import LOCALHOST, ChildProcess, environment
from .sites import PREFIX, Site

NAME: Final = "Rig"
USERNAME: Final = "vesper"
PASSWORD: Final = "vesper"  # noqa: S105  # it listens on this machine only

# Where the dashboard of the fleet is.
DASHBOARD: Final = "vesper-fleet"

# The exit code of Home Assistant when a user restarts it in the browser.
RESTART: Final = 100

# The first start of all compiles what it imports.
_START_SECONDS: Final = 120
# It tries to connect every ten seconds.
_CONNECT_SECONDS: Final = 30

_REPOSITORY: Final = Path(__file__).parents[2]
_INTEGRATION: Final = Path("custom_components/vesper")
_STUBS: Final = Path(__file__).with_name("stubs")

# How far the wall clock is moved, as `stubs/sitecustomize.py` reads it.
_SECONDS: Final = struct.Struct("d")

_LOGGER = logging.getLogger("vesper.home_assistant")

_CONFIGURATION: Final = """\
homeassistant:
  name: Vesper
  latitude: 52.52
  longitude: 13.4
  elevation: 34
  unit_system: metric
  time_zone: Europe/Berlin
  currency: EUR
  country: DE
  language: en
  internal_url: "{url}"
  external_url: "{url}"
frontend:
lovelace:
  dashboards:
    {dashboard}:
      mode: yaml
      filename: vesper.yaml
      title: Vesper
      icon: mdi:bell
config:
diagnostics:
history:
logbook:
recorder: {{commit_interval: 1}}
automation: !include automations.yaml
script: !include scripts.yaml
scene: !include scenes.yaml
logger:
  default: warning
  logs:
    custom_components.vesper: info
"""

# The dashboard in YAML mode.
_DASHBOARD: Final = """\
strategy:
  type: custom:vesper
"""

# What Home Assistant logs on this machine, run this way and with a broker that stops,
# with or without the integration: a part of the record, and why it is no problem.
_EXPECTED_RECORDS: Final[Mapping[str, str]] = {
    r"\[homeassistant\.bootstrap\] Skipping pip installation of required modules": (
        "that is what --skip-pip is for"
    ),
    r"\[homeassistant\.loader\] We found a custom integration vesper ": (
        "that is what is tested"
    ),
    r"\[haffmpeg\.": "cameras and speech want ffmpeg; there are none",
    r"\[homeassistant\.components\.camera\.img_util\] Error loading libturbojpeg": (
        "cameras want libturbojpeg; there are none"
    ),
    r"\[homeassistant\.components\.mqtt\.client\] "
    r"(Error returned from MQTT server|Failed to connect to MQTT server)": (
        "tests stop the broker"
    ),
    r"\[custom_components\.vesper\] Outage: ": "devices of earlier tests are offline",
    r"\[paho\.mqtt\.client\] failed to receive on socket: .*reset by peer": (
        "tests kill the broker"
    ),
    r"\[homeassistant\.components\.recorder\.util\] "
    r"(The system could not validate that|Ended unfinished session)": (
        "tests kill Home Assistant"
    ),
    r"\[homeassistant\.components\.websocket_api\.\S+\] (\[\d+\] )?"
    r"Error handling message: \S+ is online and would be added again": (
        "tests try to remove what may not be removed"
    ),
    r"\[homeassistant\.components\.websocket_api\.\S+\] (\[\d+\] )?"
    r"Error .*: The MQTT broker (did not clear|closes the connection)": (
        "tests try what the broker refuses"
    ),
    r"\[custom_components\.vesper\] The MQTT broker has closed the connection": (
        "tests have a broker that does so"
    ),
    r"\[homeassistant\] Error doing job: Task exception was never retrieved"
    r"(?s:.)*in _async_resubscribe_and_publish_birth_message": (
        "a flaw of its own if the broker stops as soon as it has connected"
    ),
    r"\[homeassistant\.components\.mqtt\.util\] Error talking to MQTT: "
    r"The client is not currently connected": (
        "its own: it sends once more on a connection that it has just lost"
    ),
    r"\[homeassistant\.components\.mqtt\.client\] No ACK from MQTT server": (
        "tests freeze the broker"
    ),
    r"\[homeassistant\.components\.marketplace\] Ignoring \w+ in hacs\.json, "
    r"None is not valid": ("its own: it checks what hacs.json does not have, too"),
    r"\[homeassistant\.helpers\.storage\] Error writing config for vesper\.": (
        "tests keep it from saving"
    ),
    r"\[homeassistant\.util\.file\] Saving file failed: \S+/vesper\.": (
        "tests keep it from saving"
    ),
    r"\[homeassistant\.helpers\.entity\] Updating state for \S+ \(.*\)"
    r" took [0-9.]+ seconds\. Please ": (
        "the machine was busy with something else for 0.4 s"
    ),
}
_RECORD: Final = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:)", re.MULTILINE)
_MINOR: Final = re.compile(r"\S+ \S+ (DEBUG|INFO) ")


class HomeAssistant:
    """An onboarded Home Assistant, with entries of config flows.

    The directory may be kept: a later start uses it again, with the current
    integration, and with any port, broker and sites. The entries of other sites are
    removed then. A directory of a failed first start is created again.
    """

    def __init__(  # noqa: PLR0913  # what can be chosen
        self,
        directory: Path,
        *,
        port: int,
        broker: BrokerAddress,
        sites: Sequence[Site] = (Site(),),
        movable_clock: bool = False,
        github: GitHub | None = None,
    ) -> None:
        """Describe a Home Assistant that is not started yet.

        `set_clock` needs one that has a movable clock. With `github`, that is all of
        its internet, and Vesper is not installed.
        """
        self.url: Final = f"http://{LOCALHOST}:{port}"
        self.api: Final = Api(self.url)
        self._directory = directory
        self._memory = directory / "rig.json"
        self._port = port
        self._broker = broker
        self._sites = sites
        self._entry_ids: dict[str, str] = {}
        directory.mkdir(parents=True, exist_ok=True)
        self._clock = directory.parent / f"{directory.name}.clock"
        self._github = github
        changes = dict(github.environment) if github else {}
        if movable_clock:
            self._clock.write_bytes(_SECONDS.pack(0))
            changes["VESPER_RIG_CLOCK"] = str(self._clock)
        self._process = ChildProcess(
            "Home Assistant",
            [
                # The current directory is not searched for modules: it has the
                # integration too, in place of the installed one.
                *(sys.executable, "-P", "-m", "homeassistant"),
                *("--config", directory),
                "--log-no-color",
                "--skip-pip",  # all packages are in the environment
            ],
            log=directory.parent / f"{directory.name}.log",
            environment=environment(
                PYTHONPATH=str(_STUBS),
                PYTHONUNBUFFERED="1",
                HA_DISABLE_LOG_FILE="1",
                **changes,
            ),
        )

    def __enter__(self) -> Self:
        """Start Home Assistant and set it up."""
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop Home Assistant."""
        self.stop()
        self.api.close()

    def start(self) -> None:
        """Start Home Assistant, and return when it is subscribed.

        Raises RuntimeError if the process ends, TimeoutError if it does not get
        ready, ApiError if it rejects a request.
        """
        memory = self._load_memory()
        self._entry_ids = load_entry_ids(self._directory / ".storage")
        self._write_configuration()
        _LOGGER.info("Starting Home Assistant; its log: %s", self._process.log)
        self._process.start()
        self.wait_until(self.api.is_answering, timeout=_START_SECONDS, what="an answer")
        if memory:
            self.api.token = memory["token"]
        else:
            _LOGGER.info("Making its user")
            self.api.onboard(name=NAME, username=USERNAME, password=PASSWORD)
        _LOGGER.info("Waiting until it has started up")
        self.wait_until(
            self.api.is_running, timeout=_START_SECONDS, what="the end of its start"
        )
        self._set_up_entries(memory)

    def stop(self) -> None:
        """Stop Home Assistant; kill it after its grace period."""
        self._process.stop()

    def kill(self) -> None:
        """Kill Home Assistant, like a loss of power."""
        self._process.kill()

    def restart(self) -> None:
        """Restart Home Assistant; raises as `start` does."""
        self.stop()
        self.start()

    def restore(self, backup: Path) -> None:
        """Restore a backup, as the onboarding does.

        Must not be started yet. `start` starts what was restored.

        Raises as `start` does.
        """
        storage = self._directory / ".storage"
        storage.mkdir()
        # What Home Assistant would write itself calls the internet.
        (self._directory / "configuration.yaml").write_text("config:\nfrontend:\n")
        choose_port(storage, self._port)
        self._process.start()
        try:
            self._restore(backup)
            # It ends, is started by what runs it, restores the files and ends again.
            self._process.wait(_START_SECONDS)
            self._process.start()
            self._process.wait(_START_SECONDS)
        except BaseException:
            self.__exit__()
            raise

    def _restore(self, backup: Path) -> None:
        """Upload a backup and have it restored."""
        path, agent = "/api/onboarding/backup", "backup.local"

        def is_ready() -> bool:
            if not self.api.is_answering():
                return False
            try:
                return bool(self.api.get(f"{path}/info")["state"] == "idle")
            except ApiError:  # not set up yet
                return False

        self.wait_until(is_ready, timeout=_START_SECONDS, what="its onboarding")
        uploaded = self.api.upload(f"{path}/upload?agent_id={agent}", backup)
        self.api.post(
            f"{path}/restore",
            {"backup_id": uploaded["backup_id"], "agent_id": agent},
        )

    def set_clock(self, seconds: float) -> None:
        """Set the offset of its wall clock, in seconds."""
        # Written over: what is mapped must not be cut.
        with self._clock.open("r+b") as file:
            file.write(_SECONDS.pack(seconds))

    def wait(self) -> None:
        """Wait until Home Assistant ends, not just restarts.

        Raises RuntimeError if it ends by itself.
        """
        while True:
            while self._process.exit_code is None:
                time.sleep(0.2)
            if self._process.exit_code != RESTART:
                self._process.check()
            self.start()

    def wait_until(
        self, is_so: Callable[[], bool], *, timeout: float, what: str
    ) -> None:
        """Wait for a condition; raises as `ChildProcess.wait_until` does."""
        self._process.wait_until(is_so, timeout=timeout, what=what)

    @property
    def directory(self) -> Path:
        """Its configuration directory."""
        return self._directory

    @property
    def is_new(self) -> bool:
        """Whether no earlier start has set it up."""
        return not self._memory.exists()

    @property
    def log(self) -> str:
        """Its log, over all starts of this object."""
        return self._process.log.read_text(errors="replace")

    @property
    def saved(self) -> Path:
        """The file with the devices of the first site."""
        return self.saved_of(self._sites[0].prefix)

    def saved_of(self, prefix: str) -> Path:
        """Return the file with the devices of a site."""
        return self._directory / ".storage" / f"vesper.{self._entry_ids[prefix]}"

    @property
    def entry(self) -> dict[str, Any]:
        """The configuration entry of the first site."""
        return self.entry_of(self._sites[0].prefix)

    def entry_of(self, prefix: str) -> dict[str, Any]:
        """Return the configuration entry of a site.

        Raises KeyError if the site is not set up.
        """
        entries = {entry["entry_id"]: entry for entry in self.api.entries("vesper")}
        return entries[self._entry_ids[prefix]]

    def wait_until_listening(self) -> None:
        """Wait until Vesper receives all further messages.

        Entries subscribe a moment after they are loaded. So the broker is given
        a retained message, and Home Assistant subscribes to it, which it does
        after the subscriptions of Vesper; when the message arrives all are
        subscribed. It is published at QoS 0, which every broker accepts.
        """
        topic = f"{PREFIX}-rig/probe"
        publish = partial(
            mqtt_publish.single,
            topic,
            qos=0,
            retain=True,
            hostname=self._broker.host,
            port=self._broker.port,
        )

        def is_listening() -> bool:
            entries = [*self.api.entries("mqtt"), *self.api.entries("vesper")]
            if any(entry["state"] != "loaded" for entry in entries):
                return False
            try:
                self.api.first_event("mqtt/subscribe", timeout=3, topic=topic)
            except TimeoutError:  # the entry of MQTT was reloaded meanwhile
                return False
            return True

        publish("retained")
        self.wait_until(
            is_listening, timeout=_CONNECT_SECONDS, what="a connection to the broker"
        )
        publish(None)

    def reload(self, domain: str = "vesper") -> None:
        """Reload the entries, and wait until they are subscribed."""
        for entry_id in self.api.entry_ids(domain):
            self.api.post(f"/api/config/config_entries/entry/{entry_id}/reload")
        self.wait_until_listening()

    def add_site(self, site: Site) -> None:
        """Add the entry of a site.

        Raises ApiError if Home Assistant rejects it.
        """
        _LOGGER.info("Watching the devices under %s", site.prefix)
        answer = self.api.run_flow("vesper", {"prefix": site.prefix})
        entry_id = self._entry_ids[site.prefix] = answer["result"]["entry_id"]
        if site.title is not None:
            self.api.command(
                "config_entries/update", entry_id=entry_id, title=site.title
            )

    def remove_site(self, prefix: str) -> None:
        """Remove the entry of a site, if any."""
        if (entry_id := self._entry_ids.pop(prefix, None)) is not None:
            self.api.request("DELETE", f"/api/config/config_entries/entry/{entry_id}")

    def device_ids(self, prefix: str | None = None) -> dict[str, str]:
        """Return the registry ids of a site's devices.

        They are by device id. By default, it is the first site.
        """
        entry_id = self._entry_id(prefix)
        return {
            device_id: device["id"]
            for device in self.api.command("config/device_registry/list")
            if device["config_entry_id"] == entry_id
            for _, device_id in device["identifiers"]
        }

    def entity_ids(self, prefix: str | None = None) -> dict[str, str]:
        """Return the entity ids of a site by `{device_id}/{key}`.

        Those of the fleet are by key. By default, it is the first site. Where sensor
        and button share a key the last counts, so give them different ones.
        """
        entry_id = self._entry_id(prefix)
        # One character separates the id of the entry from what follows.
        return {
            entity["unique_id"].removeprefix(entry_id)[1:]: entity["entity_id"]
            for entity in self.api.command("config/entity_registry/list")
            if entity["config_entry_id"] == entry_id
        }

    def states(self, prefix: str | None = None) -> dict[str, str]:
        """Return the states of a site's entities.

        The keys are those of `entity_ids`. A registered entity without a state (it is
        disabled) is omitted.
        """
        states = self.api.states()
        return {
            key: states[entity_id]["state"]
            for key, entity_id in self.entity_ids(prefix).items()
            if entity_id in states
        }

    def wait_for_states(
        self,
        expected: Mapping[str, str],
        timeout: float = 10,
        *,
        prefix: str | None = None,
    ) -> None:
        """Wait for the states of a site's entities.

        The keys are those of `entity_ids`. Raises TimeoutError that names those that
        have not.
        """
        seen: dict[str, str] = {}

        def is_so() -> bool:
            seen.clear()
            seen.update(self.states(prefix))
            return all(seen.get(key) == state for key, state in expected.items())

        try:
            self.wait_until(is_so, timeout=timeout, what="the expected states")
        except TimeoutError as error:
            differences = "\n".join(
                f"{key}: expected {state}, seen {seen.get(key, 'no such entity')}"
                for key, state in expected.items()
                if seen.get(key) != state
            )
            msg = f"{error}\n{differences}"
            raise TimeoutError(msg) from None

    def log_problems(self) -> list[str]:
        """Return unexpected log records at WARNING and above.

        They are of all starts of this object; each with its traceback.
        """
        records = _RECORD.split(self.log)
        return [
            record.rstrip()
            for record in records
            if record.strip()
            and not _MINOR.match(record)
            and not any(re.search(known, record) for known in _EXPECTED_RECORDS)
        ]

    def _entry_id(self, prefix: str | None) -> str:
        """Return the id of a site's entry."""
        return self._entry_ids[self._sites[0].prefix if prefix is None else prefix]

    def _load_memory(self) -> dict[str, Any]:
        """Return the data of an earlier start, if any."""
        try:
            memory: dict[str, Any] = json.loads(self._memory.read_text())
        except OSError, ValueError:
            shutil.rmtree(self._directory)
            return {}
        return memory

    def _write_configuration(self) -> None:
        """Write the configuration of Home Assistant."""
        storage = self._directory / ".storage"
        storage.mkdir(parents=True, exist_ok=True)
        for name in ("automations.yaml", "scripts.yaml", "scenes.yaml"):
            (self._directory / name).touch()
        (self._directory / "configuration.yaml").write_text(
            _CONFIGURATION.format(url=self.url, dashboard=DASHBOARD)
        )
        (self._directory / "vesper.yaml").write_text(_DASHBOARD)
        choose_port(storage, self._port)
        if not (storage / "onboarding").exists():
            # Only the user step of the onboarding is left: the others are configured,
            # and would set integrations up that call the internet.
            done = ["core_config", "analytics", "integration"]
            write_storage(storage / "onboarding", version=4, data={"done": done})
        if self._github:
            return
        installed = self._directory / _INTEGRATION
        shutil.rmtree(installed, ignore_errors=True)
        shutil.copytree(
            _REPOSITORY / _INTEGRATION,
            installed,
            ignore=shutil.ignore_patterns("__pycache__"),
        )

    def _set_up_entries(self, memory: Mapping[str, Any]) -> None:
        """Make or update the entries of MQTT and Vesper."""
        broker = asdict(self._broker)
        if memory.get("broker") != broker or not self.api.entry_ids("mqtt"):
            _LOGGER.info("Connecting it to %s:%d", self._broker.host, self._broker.port)
            self._set_up_mqtt()
        prefixes = [site.prefix for site in self._sites]
        # A user may have added entries: they stay.
        for prefix in memory.get("prefixes", []):
            if prefix not in prefixes:
                self.remove_site(prefix)
        for site in self._sites:
            if site.prefix not in self._entry_ids:
                self.add_site(site)
        self._memory.touch(mode=0o600)
        self._memory.write_text(
            json.dumps(
                {"token": self.api.token, "broker": broker, "prefixes": prefixes}
            )
        )

    def _set_up_mqtt(self) -> None:
        """Run MQTT's flow with the broker's newest protocol."""
        broker = self._broker
        form: dict[str, Any] = {
            "broker": broker.host,
            "port": broker.port,
            "other_settings": {
                "set_client_cert": False,
                "set_ca_cert": "off",
                "transport": "tcp",
            },
        }
        if broker.username is not None:
            form["username"] = broker.username
        if broker.password is not None:
            form["password"] = broker.password
        *newer, oldest = [broker.protocol] if broker.protocol else ["5", "3.1.1"]
        for protocol in newer:
            try:
                self._run_mqtt_flow(form | {"protocol": protocol})
            except ApiError:
                _LOGGER.info("It does not take MQTT %s", protocol)
            else:
                return
        self._run_mqtt_flow(form | {"protocol": oldest})

    def _run_mqtt_flow(self, form: Mapping[str, Any]) -> None:
        entry_id = next(iter(self.api.entry_ids("mqtt")), None)
        self.api.run_flow("mqtt", form, entry_id=entry_id)


def load_storage(path: Path) -> dict[str, Any]:
    """Return the data of a storage file, if any."""
    if not path.exists():
        return {}
    data: dict[str, Any] = json.loads(path.read_text())["data"]
    return data


def load_entry_ids(storage: Path) -> dict[str, str]:
    """Return the ids of Vesper's entries by prefix."""
    entries = load_storage(storage / "core.config_entries").get("entries", [])
    return {
        prefix: entry["entry_id"]
        for entry in entries
        # An entry that the user ignores has none.
        if entry["domain"] == "vesper" and (prefix := entry["data"].get("prefix"))
    }


def write_storage(
    path: Path, *, version: int, minor_version: int = 1, data: Mapping[str, Any]
) -> None:
    """Write a file of Home Assistant's storage."""
    content = {
        "version": version,
        "minor_version": minor_version,
        "key": path.name,
        "data": data,
    }
    path.write_text(json.dumps(content))


def choose_port(storage: Path, port: int) -> None:
    """Configure the port before Home Assistant is started.

    Not in its YAML configuration: that is deprecated, and reverts the port after
    five minutes without a confirmation.
    """
    settings = {
        "stable": {
            "server_host": [LOCALHOST],
            "server_port": port,
            "cors_allowed_origins": ["https://cast.home-assistant.io"],
            "login_attempts_threshold": -1,
            "ip_ban_enabled": False,
            "ssl_profile": "intermediate_v6",
            "use_x_frame_options": True,
            "created_at": "2026-01-01T00:00:00+00:00",
            "error": None,
            "error_message": None,
        },
        "pending": None,
        "yaml_migration_done": True,
    }
    write_storage(storage / "http", version=3, data=settings)
