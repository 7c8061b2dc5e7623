"""The pages of the documentation, as text."""

from collections.abc import Iterator
from pathlib import Path
import re

ROOT = Path(__file__).parents[1]

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
}
"""The text of each page, by its path in the repository."""


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Yield a language's code blocks with their pages.

    A block in a list is indented as a whole, which both languages accept.
    """
    for page, text in PAGES.items():
        for block in re.findall(
            rf"^ *```{language}\n(.*?)```", text, re.MULTILINE | re.DOTALL
        ):
            yield page, block


def headings(page: str) -> list[str]:
    """Return the headings of a page, of all levels."""
    without_code = re.sub(
        r"^ *```.*?```", "", PAGES[page], flags=re.MULTILINE | re.DOTALL
    )
    return re.findall(r"^#+ (.+)$", without_code, re.MULTILINE)


def section(page: str, heading: str) -> str:
    """Return the text below a second-level heading."""
    _, _, rest = PAGES[page].partition(f"\n## {heading}\n")
    return rest.partition("\n## ")[0]
