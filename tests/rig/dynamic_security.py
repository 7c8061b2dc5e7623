"""Let mosquitto refuse a subscription."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Final

from .broker import LIMITED_USER

# Where packages of mosquitto install the plugin.
_FOLDERS: Final = ("/usr/lib", "/usr/local/lib", "/opt/homebrew/lib")

# It is for tests on this machine.
_SALT: Final = b"vesper-salt."
_ITERATIONS: Final = 101


def find_plugin() -> Path | None:
    """Return the path of the plugin, if installed."""
    found = (
        path
        for folder in _FOLDERS
        for pattern in ("", "*/")
        for path in Path(folder).glob(f"{pattern}mosquitto_dynamic_security.so")
    )
    return next(found, None)


def refuse_subscription(directory: Path, topic: str) -> list[str]:
    """Return the lines of a configuration.

    The client with limited rights may do all else. Raises RuntimeError if the plugin is
    not installed.
    """
    plugin = find_plugin()
    if plugin is None:
        msg = "The plugin of mosquitto for dynamic security is not installed"
        raise RuntimeError(msg)
    password = hashlib.pbkdf2_hmac("sha512", LIMITED_USER.encode(), _SALT, _ITERATIONS)
    kinds = ("publishClientSend", "publishClientReceive", "subscribe", "unsubscribe")
    rule = {"acltype": "subscribePattern", "topic": topic, "allow": False}
    config = directory / "dynamic-security.json"
    config.write_text(
        json.dumps(
            {
                "defaultACLAccess": dict.fromkeys(kinds, True),
                "clients": [
                    {
                        "username": LIMITED_USER,
                        "password": base64.b64encode(password).decode(),
                        "salt": base64.b64encode(_SALT).decode(),
                        "iterations": _ITERATIONS,
                        "roles": [{"rolename": "limited"}],
                    }
                ],
                "roles": [{"rolename": "limited", "acls": [rule]}],
            }
        )
    )
    return [f"plugin {plugin}", f"plugin_opt_config_file {config}"]
