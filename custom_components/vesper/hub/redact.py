"""Redact secrets and names of networks in messages."""

from functools import lru_cache
import re

import orjson

from homeassistant.components.diagnostics import REDACTED
from homeassistant.util.json import JsonValueType

#: Levels of objects and lists; what firmware sends has four.
MAX_DEPTH = 8
TOO_DEEP = "…"

#: Names and versions of the protocol, which may look like an address.
_VERBATIM = frozenset(
    {
        *("device_id", "firmware_version", "fw", "fw_version", "melody_uid"),
        *("subsystem", "version"),
    }
)

#: A key is split into words at what is no letter, and where a capital follows.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

#: Each of these, as a whole word, names a secret or an address.
_SECRET_WORDS = frozenset(
    {
        *("addr", "address", "addresses", "auth", "authorization", "gw", "host", "ip"),
        *("key", "login", "mac", "pass", "pw", "pwd", "user"),
    }
)

#: These do so within a word and across words, too.
_SECRET_PART = re.compile(
    "ssid|psk|passw|passphrase|secret|token|credential|apikey|username|hostname|dns"
    "|gateway|netmask|subnet|ipaddr|ipv|macaddr|acknowledgedby|maintenanceby"
)

#: Keys for a network, where a text is its name, and for its secrets and addresses.
_NETWORK = re.compile("(wifi|wlan|network|accesspoint|ap|router)s?")
_OF_NETWORK = re.compile(
    "(wifi|wlan|network|accesspoint|ap|router|sta|net|lan|wan|eth|local|mqtt|broker)+s?"
    "(ip|mac|key|host|pass|pwd|user|name|id)s?"
)

#: A key within a text, of one word or two, and what separates it from its value.
_KEY_IN_TEXT = re.compile(
    r"""(?<![\w.-])(?P<key>(?:[\w.-]++\ )?[\w.-]++)
        (?:\\*["']?\s*+[:=]\s*+|\s++(?=\\*["']))""",
    re.VERBOSE,
)

#: Its value: a quoted text, up to its closing quote; everything that follows if that
#: is missing or if something nests; otherwise the text up to the next key or the end of
#: the clause.
_VALUE_IN_TEXT = re.compile(
    r"""(?P<quote>["'])(?:\\.|[^\\])*?(?P=quote)(?=[\s,;.:)\]}]|\Z)
      | ["'\\\[{].*
      | (?-s:.*?)(?=[,;][\s"']|[)\]}](?:[\s,]|\Z)|\s[\w.-]+\\*["']?\s?[:=]|[\r\n]|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)

#: Addresses that their form reveals: the host of a URL, MAC, IPv6, IPv4; and a bearer
#: token.
_ADDRESS = re.compile(
    r"""(?<=://)[^\s/"']+
      | (?<=\bbearer\ )\S+
      | (?<![0-9a-f])[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5,7}(?![0-9a-f])
      | (?<![0-9a-f])[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}(?![0-9a-f])
      | (?<![0-9a-z:])(?:
            [0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}
          | [0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6}::
            (?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?
          | ::[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6}
        )(?:%\w+)?(?![0-9a-z])
      | (?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def redacted_json(payload: bytes) -> JsonValueType:
    """Return a redacted payload.

    It is a text if the payload is not valid JSON. Never raises, and the result can
    always be written as JSON.
    """
    try:
        value: JsonValueType = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return redacted_text(payload.decode(errors="replace"))
    return redacted(value)


def redacted(value: JsonValueType, name: str = "", depth: int = 0) -> JsonValueType:
    """Return a redacted JSON value; `name` is its key."""
    # Null, empty text and booleans reveal nothing.
    if value is None or value == "" or isinstance(value, bool):
        return value
    if _names_secret(name):
        return REDACTED
    if isinstance(value, dict | list):
        return _within(value, name, depth + 1) if depth < MAX_DEPTH else TOO_DEEP
    if isinstance(value, str):
        return REDACTED if _names_network(name) else redacted_text(value)
    return value


def _within(
    value: dict[str, JsonValueType] | list[JsonValueType], name: str, depth: int
) -> JsonValueType:
    """Return an object or a list with redacted values."""
    if isinstance(value, list):
        return [redacted(item, name, depth) for item in value]
    return {
        _shown_key(key): item
        if key in _VERBATIM and isinstance(item, str)
        else redacted(item, _full_name(name, key), depth)
        for key, item in value.items()
    }


def redacted_text(text: str) -> str:
    """Return a redacted text.

    Where the end of a value is unclear, more than the value is redacted.
    """
    pieces = []
    shown = at = 0
    while key := _KEY_IN_TEXT.search(text, at):
        at = key.end()
        if _is_secret_in_text(key["key"]) and (value := _VALUE_IN_TEXT.match(text, at)):
            pieces += [text[shown:at], REDACTED if value[0] else ""]
            shown = at = value.end()
    return _ADDRESS.sub(REDACTED, "".join([*pieces, text[shown:]]))


def _full_name(parent: str, key: str) -> str:
    """Prefix a key with its parent network, if any."""
    return f"{parent} {key}" if _names_network(parent) else key


# Keys are few and repeat.
_shown_key = lru_cache(redacted_text)


@lru_cache
def _names_secret(name: str) -> bool:
    """Return whether any value of this name is redacted."""
    letters = _letters(name)
    return (
        any(
            {word, word.removesuffix("s")} & _SECRET_WORDS
            for word in map(str.lower, _WORD.findall(name))
        )
        or _SECRET_PART.search(letters) is not None
        or _OF_NETWORK.fullmatch(letters) is not None
    )


@lru_cache
def _names_network(name: str) -> bool:
    """Return whether a key stands for a network."""
    return _NETWORK.fullmatch(_letters(name)) is not None


def _is_secret_in_text(key: str) -> bool:
    """Return whether a key within text names a secret."""
    return any(
        _names_secret(name) or _names_network(name)
        for name in (key, key.rpartition(" ")[2])
    )


def _letters(name: str) -> str:
    """Return the letters of a name, in lower case."""
    return "".join(filter(str.isalpha, name.lower()))
