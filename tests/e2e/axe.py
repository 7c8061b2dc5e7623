"""What axe finds in elements of a page."""

from pathlib import Path
from typing import Final

import axe_playwright_python
from playwright.sync_api import Locator

_AXE: Final = Path(axe_playwright_python.__file__).with_name("axe.min.js")

# Those inside the shadow roots of Home Assistant's elements are its own.
_RUN: Final = """
async (element) => {
  const { violations } = await axe.run(element, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes
    .filter(({ target }) => [target].flat(2).at(-2)?.startsWith("vesper-"))
    .map(({ html, failureSummary }) => `${id}: ${html}\\n${failureSummary}`));
}
"""


def violations(element: Locator) -> list[str]:
    """Return what is not accessible in a card."""
    page = element.page
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.read_text())
    found: list[str] = element.evaluate(_RUN)
    return found
