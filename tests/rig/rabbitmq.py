"""RabbitMQ with its MQTT plugin, on 127.0.0.1."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
import json
import logging
from pathlib import Path
import re
import shutil
from typing import Final, Self

from .broker import LIMITED_USER, BrokerAddress, find_program
from .process import LOCALHOST, ChildProcess, environment, free_port

# Erlang starts up in ten seconds, and compiles nothing.
_START_SECONDS: Final = 60
_STARTED: Final = "Server startup complete"

# The user of clients without a login.
_ANYBODY: Final = "guest"

# What the limited user may publish, unless told otherwise: Home Assistant's own birth
# and last will. Without them RabbitMQ would close each new connection.
_ALLOWED: Final = r"^homeassistant\.status$"

# What matches all topics.
EVERYTHING: Final = ".*"

# RabbitMQ closes the connection because of a topic, with dots instead of slashes.
_REFUSED: Final = re.compile(r"access to topic '([^']*)' in exchange \S+ .* refused")
_CLOSED: Final = re.compile(r"MQTT connection .* is closing due to an authorization")

_LOGGER = logging.getLogger("vesper.rabbitmq")


class NameServer:
    """Erlang's name server, of the nodes of one directory."""

    def __init__(self, directory: Path) -> None:
        """Choose its port.

        Raises RuntimeError if RabbitMQ is not installed.
        """
        programs = find_rabbitmq()
        if programs is None:
            msg = "RabbitMQ is not installed"
            raise RuntimeError(msg)
        self.server, epmd = programs
        port = str(free_port())
        # Nodes with the same home have the same cookie, and so know each other.
        self.environment: Final = {
            "HOME": str(directory),
            "ERL_EPMD_ADDRESS": LOCALHOST,
            "ERL_EPMD_PORT": port,
        }
        self._process = ChildProcess(
            "The name server of Erlang",
            [epmd, "-address", LOCALHOST, "-port", port],
            log=directory / "epmd.log",
            environment=environment(**self.environment),
        )

    def start(self) -> None:
        """Start it."""
        self._process.start()

    def stop(self) -> None:
        """Stop it, after its nodes."""
        self._process.stop()


class Node:
    """A RabbitMQ server, alone or in a cluster."""

    def __init__(
        self, directory: Path, names: NameServer, *, name: str, settings: Sequence[str]
    ) -> None:
        """Write its configuration; `settings` are lines of it."""
        self.name: Final = f"{name}@localhost"
        self._starts = 0
        self.address: Final = BrokerAddress(
            host=LOCALHOST, port=free_port(), protocol="3.1.1"
        )
        config = directory / "rabbitmq.conf"
        lines = [
            "listeners.tcp = none",
            f"mqtt.listeners.tcp.default = {LOCALHOST}:{self.address.port}",
            "log.console = true",
            "log.file = false",
            *settings,
        ]
        config.write_text("\n".join(lines) + "\n")
        plugins = directory / "enabled_plugins"
        plugins.write_text("[rabbitmq_mqtt].\n")
        self._process = ChildProcess(
            f"RabbitMQ ({name})",
            [names.server],
            log=directory / "rabbitmq.log",
            environment=environment(
                **names.environment,
                RABBITMQ_CONFIG_FILE=str(config),
                RABBITMQ_CONF_ENV_FILE=str(directory / "rabbitmq-env.conf"),
                RABBITMQ_DIST_PORT=str(free_port()),
                RABBITMQ_ENABLED_PLUGINS_FILE=str(plugins),
                RABBITMQ_FEATURE_FLAGS_FILE=str(directory / "feature_flags"),
                RABBITMQ_LOG_BASE=str(directory / "log"),
                RABBITMQ_MNESIA_BASE=str(directory / "mnesia"),
                RABBITMQ_NODENAME=self.name,
                RABBITMQ_PID_FILE=str(directory / "pid"),
                RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=(
                    "-kernel inet_dist_use_interface {127,0,0,1}"
                ),
                # So its script becomes Erlang, instead of a parent that is to be
                # killed.
                RUNNING_UNDER_SYSTEMD="true",
            ),
            grace=10,
        )

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises RuntimeError with the end of its log if it exits.
        """
        self.launch()
        self.wait_until_started()

    def launch(self) -> None:
        """Start it without waiting."""
        _LOGGER.info("Starting %s on port %d", self.name, self.address.port)
        self._starts = self.log.count(_STARTED)
        self._process.start()

    def wait_until_started(self) -> None:
        """Wait until it accepts connections; raises as `start` does."""
        # Its port is open before its users exist.
        self._process.wait_until(
            lambda: self.log.count(_STARTED) > self._starts,
            timeout=_START_SECONDS,
            what="its start",
        )

    def stop(self) -> None:
        """Stop it, which disconnects its clients."""
        self._process.stop()

    def kill(self) -> None:
        """Kill it, like a loss of power."""
        self._process.kill()

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._process.log.read_text(errors="replace")


class RabbitMQ:
    """A local RabbitMQ that disconnects whoever lacks a right.

    Clients with the login of `limited_address` may publish what `write` matches, and
    read everything; those without a login may do everything. All its files are in its
    directory, and a name server of its own ends with it.
    """

    def __init__(self, directory: Path, *, write: str = _ALLOWED) -> None:
        """Write its configuration; `directory` is created.

        Raises RuntimeError if it is not installed.
        """
        directory.mkdir(parents=True, exist_ok=True)
        directory = directory.resolve()
        self._names = NameServer(directory)
        self._definitions = directory / "definitions.json"
        self._node = Node(
            directory,
            self._names,
            name="vesper",
            settings=[f"load_definitions = {self._definitions}"],
        )
        self.address: Final = self._node.address
        self.limited_address: Final = replace(
            self.address, username=LIMITED_USER, password=LIMITED_USER
        )
        self._write = write
        self._define(read=EVERYTHING)

    def __enter__(self) -> Self:
        """Start RabbitMQ."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop RabbitMQ."""
        self.stop()

    def start(self) -> None:
        """Start RabbitMQ and wait until it accepts connections.

        Raises RuntimeError with the end of its log if it exits.
        """
        self._names.start()
        self._node.start()

    def stop(self) -> None:
        """Stop RabbitMQ, which disconnects its clients."""
        self._node.stop()
        self._names.stop()

    def limit_reading(self, read: str) -> None:
        """Restart RabbitMQ with what the limited user may read.

        It is matched with the topic filters of subscriptions; `+` is `*` in them, and a
        slash is a dot.
        """
        self.stop()
        self._define(read=read)
        self.start()

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._node.log

    @property
    def refused(self) -> Counter[str]:
        """How often each topic ended a connection."""
        return Counter(topic.replace(".", "/") for topic in _REFUSED.findall(self.log))

    @property
    def closed(self) -> int:
        """How many connections it closed because of missing rights."""
        return len(_CLOSED.findall(self.log))

    def _define(self, *, read: str) -> None:
        """Write the users and their rights."""
        definitions = _definitions(read=read, write=self._write)
        self._definitions.write_text(json.dumps(definitions))


def find_rabbitmq() -> tuple[Path, str] | None:
    """Return the paths of RabbitMQ and epmd, if installed."""
    wrapper = find_program("rabbitmq-server")
    epmd = shutil.which("epmd")
    if wrapper is None or epmd is None:
        return None
    # Debian's wrapper runs it as a user who may not write here.
    server = Path(wrapper).resolve().with_name("rabbitmq-server")
    return (server, epmd) if server.exists() else None


def _definitions(*, read: str, write: str) -> dict[str, object]:
    """Return the users and their rights."""
    everything = dict.fromkeys(("configure", "write", "read"), EVERYTHING)
    users = (_ANYBODY, LIMITED_USER)
    return {
        "vhosts": [{"name": "/"}],
        "users": [{"name": user, "password": user, "tags": ""} for user in users],
        # A subscription needs these rights, too.
        "permissions": [{"user": user, "vhost": "/"} | everything for user in users],
        "topic_permissions": [
            {
                "user": LIMITED_USER,
                "vhost": "/",
                "exchange": "amq.topic",
                "write": write,
                "read": read,
            }
        ],
    }
