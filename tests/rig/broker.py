"""A local MQTT broker: mosquitto, or amqtt without it."""

from collections.abc import Sequence
from dataclasses import dataclass
import getpass
import json
import logging
import os
from pathlib import Path
import shutil
import sys
from typing import Final, Literal, Self

from .process import LOCALHOST, ChildProcess, environment, free_port, is_listening

# Debian installs brokers where only root's PATH leads.
_SBIN: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
_START_SECONDS: Final = 15
# The file of a persistent mosquitto's retained messages, in its directory.
_PERSISTENCE_FILE: Final = "mosquitto.db"

# The login of a client with limited rights; any other may do everything.
LIMITED_USER: Final = "homeassistant"

_LOGGER = logging.getLogger("vesper.broker")

type Protocol = Literal["5", "3.1.1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """What a client needs to connect.

    With `protocol` None it tries the newest.
    """

    host: str
    port: int
    protocol: Protocol | None = None
    username: str | None = None
    password: str | None = None


class Broker:
    """A local broker to start, stop and freeze.

    Its port stays the same over restarts. Retained messages are lost with them
    unless it is `persistent`, which only mosquitto can be. A mosquitto that is
    `unbounded` accepts floods: it queues all messages for a client, not only a
    thousand, but is saved only when it is stopped. One with `limits`, which are lines
    of its configuration, has a second port for a client with limited rights, and logs
    every packet.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        persistent: bool = False,
        unbounded: bool = False,
        limits: Sequence[str] = (),
    ) -> None:
        """Choose the program; `directory` is created for its files.

        Raises RuntimeError for a persistent or limited broker if mosquitto is
        not installed.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        port = free_port() if port is None else port
        mosquitto = find_mosquitto()
        if (persistent or limits) and not mosquitto:
            msg = "Only mosquitto stores retained messages and has limits: install it"
            raise RuntimeError(msg)
        self.name: Final = "mosquitto" if mosquitto else "amqtt"
        self.persistent: Final = persistent
        self.address: Final = BrokerAddress(
            host=LOCALHOST, port=port, protocol="5" if mosquitto else "3.1.1"
        )
        self.limited_address: Final = BrokerAddress(
            host=LOCALHOST,
            port=free_port() if limits else port,
            protocol=self.address.protocol,
            username=LIMITED_USER,
            password=LIMITED_USER,
        )
        config = directory / "broker.conf"
        if mosquitto:
            lines = _mosquitto_config(
                directory, port, persistent=persistent, unbounded=unbounded
            )
            if limits:
                listener = f"listener {self.limited_address.port} {LOCALHOST}"
                lines += ["log_type all", listener, *limits]
            config.write_text("\n".join(lines) + "\n")
            command: list[str | Path] = [mosquitto, "-c", config]
        else:
            config.write_text(_amqtt_config(port))
            command = [
                sys.executable,
                "-m",
                "amqtt.scripts.broker_script",
                "-c",
                config,
            ]
        self._process = ChildProcess(
            f"The broker ({self.name})",
            command,
            log=directory / "broker.log",
            environment=environment(),
        )

    def __enter__(self) -> Self:
        """Start the broker."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the broker."""
        self.stop()

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._process.log.read_text(errors="replace")

    def start(self) -> None:
        """Start the broker and wait until it accepts connections.

        Raises RuntimeError with the end of its log if it exits.
        """
        port = self.address.port
        _LOGGER.info("Starting the broker: %s on port %d", self.name, port)
        self._process.start()
        self._process.wait_until(
            lambda: is_listening(port), timeout=_START_SECONDS, what="an open port"
        )

    def stop(self) -> None:
        """Stop the broker, which disconnects its clients."""
        self._process.stop()

    def kill(self) -> None:
        """Kill the broker without disconnecting its clients."""
        self._process.kill()

    def freeze(self) -> None:
        """Stop the process with its connections open, until `thaw`."""
        self._process.freeze()

    def thaw(self) -> None:
        """Continue a frozen broker."""
        self._process.thaw()

    def restart(self, *, drop_retained: bool = False) -> None:
        """Restart it, with or without its retained messages.

        One that is not persistent loses them in any case.
        """
        self.stop()
        if drop_retained:
            (self._directory / _PERSISTENCE_FILE).unlink(missing_ok=True)
        self.start()


def find_mosquitto() -> str | None:
    """Return the path of mosquitto, None without it."""
    return find_program("mosquitto")


def find_program(name: str) -> str | None:
    """Return the path of a program, None without it."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SBIN))
    return shutil.which(name, path=path)


def _mosquitto_config(
    directory: Path, port: int, *, persistent: bool, unbounded: bool
) -> list[str]:
    lines = [
        f"listener {port} {LOCALHOST}",
        "allow_anonymous true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        # Started as root it would turn into a user who may not write here.
        f"user {getpass.getuser()}",
    ]
    if unbounded:
        lines.append("max_queued_messages 0")
    if persistent:
        lines += [
            "persistence true",
            f"persistence_location {directory.resolve()}/",
            f"persistence_file {_PERSISTENCE_FILE}",
        ]
    if persistent and not unbounded:
        # On disk at once: it is there for the tests that kill the broker. All of it is
        # written each time, so it is nothing for a flood.
        lines += ["autosave_on_changes true", "autosave_interval 1"]
    return lines


def _amqtt_config(port: int) -> str:
    # The file is YAML, and so is JSON.
    return json.dumps(
        {
            "listeners": {
                "default": {"type": "tcp", "bind": f"{LOCALHOST}:{port}"},
            },
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {
                    "allow_anonymous": True
                }
            },
        }
    )
