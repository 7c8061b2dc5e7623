"""The pages of the documentation: form, links and names."""

import json
from pathlib import Path
import re
from typing import Any

import pytest

from homeassistant.util.yaml import parse_yaml

from .pages import PAGES, ROOT, blocks, headings, section
from .rig.firmware import Firmware

INDEX = "docs/README.md"
DOCS = [page for page in PAGES if page.startswith("docs/")]


def _anchor(heading: str) -> str:
    """Return GitHub's anchor of a heading."""
    text = re.sub(r"[^\w\- ]", "", heading.lower())
    return text.replace(" ", "-")


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_length(page: str) -> None:
    """A page is short; only the changelog grows."""
    assert len(PAGES[page].splitlines()) < 250


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    """Each link within the repository has its target."""
    links = re.findall(r"\]\(([^)]+)\)|(?:src|href)=\"([^\"]+)\"", PAGES[page])
    assert links
    for link in (markdown or html for markdown, html in links):
        if link.startswith("https://"):
            # Files have relative links, which lead to those of the same version.
            assert not re.search(r"/vesper-home-assistant/(blob|raw|tree)/", link), link
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            name = target.resolve().relative_to(ROOT).as_posix()
            assert anchor in map(_anchor, headings(name)), link


@pytest.mark.parametrize("page", [page for page in DOCS if page != INDEX])
def test_is_listed(page: str) -> None:
    """The index lists each page by its title."""
    assert f"[{headings(page)[0]}]({Path(page).name})" in PAGES[INDEX]


def test_index_is_linked() -> None:
    """The README leads to the index."""
    assert f"]({INDEX})" in PAGES["README.md"]


@pytest.mark.parametrize(("page", "block"), blocks("json"))
def test_json(page: str, block: str) -> None:
    """Each JSON example can be parsed."""
    json.loads(block)


@pytest.mark.parametrize(("page", "block"), blocks("yaml"))
def test_yaml(page: str, block: str) -> None:
    """Each YAML example can be parsed."""
    assert isinstance(parse_yaml(block), dict)


def test_tests_exist() -> None:
    """Each test that a guarantee names exists."""
    guarantees = section("docs/behavior.md", "Guarantees")
    # A name without a file is of the file before it.
    path = Path()
    named = re.findall(r"`(tests/[\w/.]+)?(?:::)?(test_\w+)?`", guarantees)
    assert named
    for file, function in named:
        if file:
            path = ROOT / file
            assert path.exists(), file
        if function:
            assert f"def {function}(" in path.read_text(), function


def test_heartbeat_fields() -> None:
    """The protocol describes each field that the firmware sends."""
    firmware = Firmware("bell")
    heartbeats = [
        json.loads(message.payload)
        for message in firmware.tick(60)
        if message.topic.endswith("/heartbeat")
    ]
    heartbeat: dict[str, Any] = heartbeats[-1]
    assert "uptime" in heartbeat
    described = section("docs/protocol.md", "Heartbeat")
    for field in heartbeat:
        assert f"| `{field}`" in described, field
    described = section("docs/protocol.md", "Recent events")
    for field in heartbeat["recent_events"][0]:
        assert f"`{field}`" in described, field
