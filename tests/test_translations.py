"""Translations into other languages than English."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "custom_components/vesper/translations"
LANGUAGES = ["de", "el", "es", "fr", "it", "nl", "pl", "sv"]

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
