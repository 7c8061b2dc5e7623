"""RabbitMQ with its MQTT plugin, on 127.0.0.1."""

from collections import Counter
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
        programs = find_rabbitmq()
        if programs is None:
            msg = "RabbitMQ is not installed"
            raise RuntimeError(msg)
        server, epmd = programs
        directory.mkdir(parents=True, exist_ok=True)
        directory = directory.resolve()
        port, epmd_port, node_port = free_port(), free_port(), free_port()
        self.address: Final = BrokerAddress(host=LOCALHOST, port=port, protocol="3.1.1")
        self.limited_address: Final = BrokerAddress(
            host=LOCALHOST,
            port=port,
            protocol="3.1.1",
            username=LIMITED_USER,
            password=LIMITED_USER,
        )
        self._definitions = definitions = directory / "definitions.json"
        self._write = write
        self._define(read=EVERYTHING)
        config = directory / "rabbitmq.conf"
        config.write_text(
            "listeners.tcp = none\n"
            f"mqtt.listeners.tcp.default = {LOCALHOST}:{port}\n"
            f"load_definitions = {definitions}\n"
            "log.console = true\n"
            "log.file = false\n"
        )
        plugins = directory / "enabled_plugins"
        plugins.write_text("[rabbitmq_mqtt].\n")
        own = environment(
            HOME=str(directory),  # Erlang keeps a cookie there
            ERL_EPMD_ADDRESS=LOCALHOST,
            ERL_EPMD_PORT=str(epmd_port),
            RABBITMQ_CONFIG_FILE=str(config),
            RABBITMQ_CONF_ENV_FILE=str(directory / "rabbitmq-env.conf"),
            RABBITMQ_DIST_PORT=str(node_port),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(plugins),
            RABBITMQ_FEATURE_FLAGS_FILE=str(directory / "feature_flags"),
            RABBITMQ_LOG_BASE=str(directory / "log"),
            RABBITMQ_MNESIA_BASE=str(directory / "mnesia"),
            RABBITMQ_NODENAME="vesper@localhost",
            RABBITMQ_PID_FILE=str(directory / "pid"),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=(
                "-kernel inet_dist_use_interface {127,0,0,1}"
            ),
            # So its script becomes Erlang, instead of a parent that is to be killed.
            RUNNING_UNDER_SYSTEMD="true",
        )
        self._names = ChildProcess(
            "The name server of Erlang",
            [epmd, "-address", LOCALHOST, "-port", str(epmd_port)],
            log=directory / "epmd.log",
            environment=own,
        )
        self._process = ChildProcess(
            "RabbitMQ",
            [server],
            log=directory / "rabbitmq.log",
            environment=own,
            grace=10,
        )

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
        _LOGGER.info("Starting RabbitMQ on port %d", self.address.port)
        starts = self.log.count(_STARTED) if self._process.log.exists() else 0
        self._names.start()
        self._process.start()
        # Its port is open before its users exist.
        self._process.wait_until(
            lambda: self.log.count(_STARTED) > starts,
            timeout=_START_SECONDS,
            what="its start",
        )

    def stop(self) -> None:
        """Stop RabbitMQ, which disconnects its clients."""
        self._process.stop()
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
        return self._process.log.read_text(errors="replace")

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
