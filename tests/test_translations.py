"""Translations into other languages than English."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "custom_components/vesper/translations"

#: The languages, with the words that may follow a number which may be one. They have
#: the same form then, unlike a noun.
AFTER_NUMBERS = {
    "en": "h more of online to",
    "de": "anzeigen auf derzeit h online von",
    "el": "h ακόμη από σε",
    "es": "a de en h más",
    "fr": "actuellement de des en ensuite h hors sur à",
    "it": "a dei fuori h in su",
    "nl": "naar online uur van",
    "pl": "do h online z",
    "sv": "av h inte online till",
}
LANGUAGES = [language for language in AFTER_NUMBERS if language != "en"]

#: The placeholders that are numbers, and all others.
NUMBERS = (
    "alert_sensors|alerts|answered|connectivity|count|devices|hidden|hours|limit|lost|"
    "max_devices|max_entities|max_essential|more|new_limit|offline|online|"
    "online_before|outages|restarts|still_offline"
)
OTHERS = (
    "area|blueprints|candidates|cause|dashboards|detail|device|device_id|duration|end|"
    "error|example|field|fields|first|fleet|floor|header|item|kept|last|max|melody|"
    "message|min|name|option|other|path|period|prefix|prefixes|reasons|second|sentence|severity|share|"
    "since|site|sites|start|state|status|subsystem|text|time|title|topic|url|user|"
    "values|version|when"
)

#: The numbers that are never one.
ALWAYS_SEVERAL = {
    "common.bar_outages": {"count"},
    "common.logbook_fleet_outage": {"lost", "online_before"},
    "common.logbook_fleet_outage_area": {"lost", "online_before"},
    "common.logbook_fleet_outage_floor": {"lost", "online_before"},
    "common.logbook_fleet_outage_ended": {"lost"},
    "common.segment_outages": {"outages"},
    "exceptions.device_ambiguous.message": {"count"},
    "exceptions.device_ambiguous_id.message": {"count"},
    # It is a multiple of 50.
    "issues.device_limit.fix_flow.step.confirm.description": {"new_limit"},
    "issues.device_limit.fix_flow.step.confirm.title": {"new_limit"},
    "issues.entity_limit.fix_flow.step.confirm.description": {"max_entities"},
    "issues.more_alerts.description": {"limit"},
    "issues.no_room.description": {"max_entities"},
    "issues.restart_loop.description": {"restarts"},
    "issues.silent_devices.description": {"limit"},
    # What Home Assistant's limit of entities is enough for.
    "options.error.over_the_limit": {"max_devices"},
    "options.error.too_many_devices": {"devices", "max_devices"},
    "options.step.limits.data_description.entities": {"max_essential"},
}

_NUMBER_BEFORE_WORD = re.compile(rf"{{({NUMBERS})}}[\s-]*([^\W\d_]+)")

#: What must be the same in all languages: placeholders, code and addresses.
_LITERALS = re.compile(r"{\w+}|`[^`]+`|\]\([^)]+\)|https?://[^\s)]+")

#: Home Assistant rejects markup in most texts, and a quote before a brace ends it.
_UNSAFE = re.compile(r"[<>]|'{")


def _texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text with the path of its keys."""
    if isinstance(node, str):
        yield path, node
        return
    for key, child in node.items():
        yield from _texts(child, f"{path}.{key}" if path else key)


def _load(language: str) -> dict[str, str]:
    """Return the texts of a language by key."""
    return dict(_texts(json.loads((FOLDER / f"{language}.json").read_bytes())))


def problems(english: str, text: str) -> list[str]:
    """Return what is wrong with a translation."""
    found = []
    if set(_LITERALS.findall(text)) != set(_LITERALS.findall(english)):
        found.append("other placeholders, code or links")
    if text.count("\n\n") != english.count("\n\n"):
        found.append("other paragraphs")
    if text != text.strip() or not text:
        found.append("blanks around it")
    if text.count("**") != english.count("**"):
        found.append("other bold words")
    if (
        "<" not in english
        and ">" not in english
        and _UNSAFE.search(text.replace(" > ", ""))
    ):
        found.append("markup, or a quote before a brace")
    return found


ENGLISH = _load("en")


def test_languages() -> None:
    """These and English are there."""
    assert {path.stem for path in FOLDER.glob("*.json")} == {"en", *LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_keys(language: str) -> None:
    """A language has all texts, in the same order."""
    assert list(_load(language)) == list(ENGLISH)


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts(language: str) -> None:
    """What is no language is the same."""
    texts = _load(language)
    assert {
        key: found
        for key, english in ENGLISH.items()
        if (found := problems(english, texts[key]))
    } == {}
    changed = sum(texts[key] != english for key, english in ENGLISH.items())
    assert changed > len(ENGLISH) * 0.9, "most are translated"


def without_plural(language: str, key: str, text: str) -> list[str]:
    """Return the words that are wrong after a one."""
    words = AFTER_NUMBERS[language].split()
    return [
        word
        for number, word in _NUMBER_BEFORE_WORD.findall(text)
        if number not in ALWAYS_SEVERAL.get(key, ()) and word not in words
    ]


def test_placeholders() -> None:
    """All placeholders are listed."""
    found = {name for text in ENGLISH.values() for name in re.findall(r"{(\w+)}", text)}
    assert found == {*NUMBERS.split("|"), *OTHERS.split("|")}
    for key, numbers in ALWAYS_SEVERAL.items():
        assert all(f"{{{number}}}" in ENGLISH[key] for number in numbers)


@pytest.mark.parametrize("language", AFTER_NUMBERS)
def test_numbers(language: str) -> None:
    """No text is wrong if its number is one."""
    assert {
        key: found
        for key, text in _load(language).items()
        if (found := without_plural(language, key, text))
    } == {}


@pytest.mark.parametrize(
    ("language", "key", "text", "found"),
    [
        ("en", "common.alert_count", "Alerts: {count}", []),
        ("en", "common.alert_count", "{count} alerts", ["alerts"]),
        ("en", "common.past_more", "{count} more", []),
        ("de", "common.alert_count", "{count} Alarme", ["Alarme"]),
        ("de", "common.segment_outages", "{outages}-mal offline", []),
        ("de", "common.alert_count", "{count}-mal Alarm", ["mal"]),
        ("fr", "common.alert_count", "{count}\N{NO-BREAK SPACE}alertes", ["alertes"]),
        ("el", "common.answered_count", "{answered} από {devices}", []),
    ],
)
def test_numbers_are_found(
    language: str, key: str, text: str, found: list[str]
) -> None:
    """A noun after a number is found."""
    assert without_plural(language, key, text) == found


@pytest.mark.parametrize("language", AFTER_NUMBERS)
def test_periods(language: str) -> None:
    """None follows a time, such as 3:28 p.m."""
    period = re.compile(r"{(duration|end|start|time|when)}[.]")
    assert [key for key, text in _load(language).items() if period.search(text)] == []


def test_spaces_in_french() -> None:
    """No line begins with a punctuation mark."""
    space = "(?<!\N{NO-BREAK SPACE})"
    mark = re.compile(rf"{space}[;?!»]|{space}:(?=\s)")
    assert [key for key, text in _load("fr").items() if mark.search(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_reasons_of_restarts(language: str) -> None:
    """The repair issue names reasons as the sensor does."""
    texts = _load(language)
    advice = texts["issues.restart_loop.description"]
    english = ENGLISH["issues.restart_loop.description"]
    for key, state in ENGLISH.items():
        if key.startswith("entity.sensor.reset_reason.state.") and (
            f"**{state}**" in english
        ):
            assert f"**{texts[key]}**" in advice


@pytest.mark.parametrize(
    "text",
    [
        "Warnung",
        "Warnung: {name} ",
        "Warnung: {name} <b>",
        "Warnung: '{name}",
        "**Warnung**: {name}",
        "Warnung:\n\n{name}",
        "Warnung: {name}, `code`",
        "Warnung: {name}, [x](y)",
        "",
    ],
)
def test_problems_are_found(text: str) -> None:
    """Each of these is wrong."""
    assert not problems("Warning: {name}", "Warnung: {name}")
    assert problems("Warning: {name}", text)
