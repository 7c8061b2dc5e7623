"""Test that kinds of messages and occurrences are complete."""

import json
from pathlib import Path
from typing import get_args, get_type_hints

from custom_components.vesper.hub.occurrences import NOT_LOGGED
from custom_components.vesper.logbook import ICONS, sentence_key
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.occurrence import BY_USER, OccurrenceKind
from custom_components.vesper.model.report import report
from custom_components.vesper.protocol.message import Message
from custom_components.vesper.protocol.post import POST
from custom_components.vesper.protocol.topics import STATUS_TOPICS
from custom_components.vesper.trigger import TRIGGERS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "custom_components" / "vesper"


def test_every_kind_of_message_is_received() -> None:
    """The parsers together return every kind of message."""
    returned = {
        kind
        for source in (*STATUS_TOPICS, POST)
        for kind in get_args(get_type_hints(source.parse)["return"])
    }
    assert returned == set(get_args(Message.__value__))


def test_every_occurrence_has_its_place() -> None:
    """Each is a trigger and logged, with known exceptions.

    What a user does is no trigger, and what an entity shows is not logged.
    """
    kinds = set(OccurrenceKind)
    assert {OccurrenceKind(name) for name in TRIGGERS} == kinds - BY_USER
    assert set(ICONS) == kinds - NOT_LOGGED


def test_every_sentence_of_the_logbook_is_translated() -> None:
    """Those of the code are those of the texts."""
    texts = json.loads((PACKAGE / "translations/en.json").read_bytes())["common"]
    assert {
        sentence_key(kind, variant).removeprefix("common.")
        for kind, variants in ICONS.items()
        for variant in variants
    } == {key for key in texts if key.startswith("logbook_")}


def test_the_report_is_documented() -> None:
    """The HTTP API's example has every member of diagnostics."""
    page = (ROOT / "docs" / "http-api.md").read_text()
    names = {*report(Device(device_id="chapel")), "heartbeat"}
    missing = {name for name in names if f'"{name}"' not in page}
    assert not missing
