"""Names that the released Home Assistant has to know."""

from importlib.resources import files
import json
import re
from typing import Any

from .cards import ROOT

PACKAGE = ROOT / "custom_components/vesper"


def _slugs(name: str) -> set[str]:
    """Return the slugs that Home Assistant knows."""
    path = files("homeassistant") / f"generated/integration_{name}.json"
    entries: list[dict[str, Any]] = json.loads(path.read_text())
    return {
        slug
        for entry in entries
        for slug in (
            entry["slug"],
            *(
                f"{entry['slug']}.{sub['slug']}"
                for sub in entry.get("subcategories", ())
            ),
        )
    }


def test_categories() -> None:
    """Home Assistant knows what the manifest names."""
    manifest = json.loads((PACKAGE / "manifest.json").read_bytes())
    assert set(manifest["categories"]) <= _slugs("categories")
    assert set(manifest["connectivity"]) <= _slugs("connectivity")


def test_icons_exist() -> None:
    """Each icon that is named exists."""
    path = files("hass_frontend") / "static/mdi/iconList.json"
    known = {icon["name"] for icon in json.loads(path.read_text())}
    used: dict[str, str] = {}
    for folder in (PACKAGE, ROOT / "blueprints", ROOT / "docs"):
        for file in folder.rglob("*"):
            if file.suffix in (".js", ".json", ".md", ".py", ".yaml"):
                for icon in re.findall(r"\bmdi:([a-z0-9-]+)", file.read_text()):
                    used[icon] = file.name
    assert len(used) > 40
    assert {icon: file for icon, file in used.items() if icon not in known} == {}
