"""The modules use nothing the oldest browsers lack."""

from collections.abc import Iterator
import re

import pytest

from tests.pages import PAGES

from .test_frontend import MODULES

CHROME = "111"
SAFARI = "16.4"

# What one of them lacks and what fails without it: the pattern, the first versions of
# Chrome and Safari that have it ("-": none), and an example. What is only ignored
# where it is not known, such as `text-wrap: balance` or `scrollMargin`, is not listed.
SCRIPT = [
    (r"\b(?:Map|Object)\s*\.groupBy\b", "117, 17.4", "Map.groupBy(devices, area)"),
    (r"\bArray\.fromAsync\b", "121, 16.4", "Array.fromAsync(rows)"),
    (r"\bPromise\.withResolvers\b", "119, 17.4", "Promise.withResolvers()"),
    (r"\bPromise\.try\b", "128, 18.2", "Promise.try(load)"),
    (
        r"\.(?:union|intersection|difference|symmetricDifference)\(",
        "122, 17.0",
        "shown.union(other)",
    ),
    (r"\.is(?:SubsetOf|SupersetOf|DisjointFrom)\(", "122, 17.0", "a.isSubsetOf(b)"),
    (
        r"\.(?:values|keys|entries)\(\)\s*\??\.\w+",
        "122, 18.4",
        "rows.values()\n  .map(view)",
    ),
    (r"\.matchAll\([^)]*\)\s*\.\w+", "122, 18.4", "text.matchAll(word).map(first)"),
    (r"\bIterator\.\w+", "122, 18.4", "Iterator.from(rows)"),
    (r"\.getOrInsert(?:Computed)?\(", "145, 26.2", "areas.getOrInsert(id, [])"),
    (r"[=(,:?\s]/(?![/*])[^/\n]+/[a-z]*v[a-z]*\b", "112, 17.0", "match(/[a--b]/gv)"),
    (r"\bRegExp\([^\n]*,\s*\"[a-z]*v", "112, 17.0", 'new RegExp(word, "v")'),
    (r"\bRegExp\.escape\b", "136, 18.2", "RegExp.escape(name)"),
    (r"\(\?[ims]*-?[ims]+:", "125, -", "/(?i:bell)/"),
    (r"\busing\s+\w+\s*=", "134, -", "using lock = take();"),
    (r"\bimport\b[^;]*\bwith\s*\{", "123, 17.2", 'import a from "b" with { type }'),
    (r"\bimport\s+(?:defer|source)\b", "-, -", 'import defer * as a from "b"'),
    (r"\bFloat16Array\b|\bf16round\b", "135, 18.2", "new Float16Array(1)"),
    (r"\bMath\.sumPrecise\b", "147, 26.2", "Math.sumPrecise(times)"),
    (r"\bError\.isError\b", "134, 26.0", "Error.isError(error)"),
    (r"\b(?:from|to|setFrom)(?:Base64|Hex)\b", "140, 18.2", "bytes.toBase64()"),
    (r"\bTemporal\.", "144, -", "Temporal.Now.instant()"),
    (r"\bIntl\.DurationFormat\b", "129, 16.4", "new Intl.DurationFormat(language)"),
    (r"\.transferToFixedLength\(", "114, 17.4", "buffer.transferToFixedLength()"),
    (r"\bAbortSignal\.any\b", "116, 17.4", "AbortSignal.any([signal])"),
    (r"\bURL\.(?:canParse|parse)\b", "120, 17.0", "URL.canParse(link)"),
    (r"\.checkVisibility\(", "105, 17.4", "row.checkVisibility()"),
    (r"\b\w*[pP]opover\b", "114, 17.0", "dialog.showPopover()"),
    (r"\b(?:setHTML|parseHTML)Unsafe\b|\.getHTML\(", "124, 17.4", "list.getHTML()"),
    (r"\bstartViewTransition\b", "111, 18.0", "document.startViewTransition(render)"),
    (r"\bscheduler\.\w+", "94, -", "await scheduler.yield()"),
    (r"\brequestIdleCallback\b", "47, -", "requestIdleCallback(render)"),
    (r"\.moveBefore\(", "133, -", "list.moveBefore(row, next)"),
    (r"\bCloseWatcher\b", "126, -", "new CloseWatcher()"),
    (r"\bnew Highlight\b|\bCSS\.highlights\b", "105, 17.2", "CSS.highlights.clear()"),
    (r"\bscrollend\b", "114, 26.2", 'list.addEventListener("scrollend", render)'),
    (r"\baria\w+Elements?\b", "135, 16.4", "row.ariaLabelledByElements = []"),
    (r"\bcustomElements\.getName\b", "117, 17.0", "customElements.getName(Card)"),
    (r"\bnavigator\.userAgentData\b", "90, -", "navigator.userAgentData.mobile"),
]
STYLES = [
    (r"\blight-dark\(", "123, 17.5", "color: light-dark(black, white);"),
    (r"@starting-style\b", "117, 17.5", "@starting-style {"),
    (r"@scope\b", "118, 17.4", "@scope (.alert) {"),
    (
        r"@(?:position-try|view-transition|function)\b",
        "125, 18.2",
        "@position-try --a {",
    ),
    (r"\bstyle\(", "111, 18.0", "@container style(--compact: 1) {"),
    (
        r"\b(?:anchor-name|position-anchor|position-area)\s*:|\banchor(?:-size)?\(",
        "125, 26.0",
        "top: anchor(bottom);",
    ),
    (r"\b(?:\w+)\(\s*from\s", "119, 16.4", "color: rgb(from red r g b / 50%);"),
    (r"\bcontrast-color\(", "147, 26.0", "color: contrast-color(red);"),
    (r":popover-open\b", "114, 17.0", ".menu:popover-open"),
    (r":state\(", "125, 17.4", "ha-button:state(loading)"),
    (r":user-(?:in)?valid\b", "119, 16.5", "input:user-invalid"),
    (r":dir\(", "120, 16.4", ".head:dir(rtl)"),
    (r"::(?:highlight|details-content)\b", "131, 18.4", "::details-content"),
    (r"\bsubgrid\b", "117, 16.0", "grid-template-columns: subgrid;"),
    (r"\bcontent-visibility\s*:", "85, 18.0", "content-visibility: auto;"),
    (r"\b(?:round|mod|rem|abs|sign)\(", "125, 15.4", "width: round(50%, 1px);"),
    (r"\b(?:calc-size|sibling-index|sibling-count|if)\(", "129, -", "calc-size(auto)"),
    (r"\binterpolate-size\s*:", "129, -", "interpolate-size: allow-keywords;"),
    (r"\blinear\(", "113, 17.2", "transition: linear(0, 1);"),
    (r"(?<!-)\bmask(?:-\w+)?\s*:", "120, 15.4", "mask: none;"),
    (r"\b(?:animation|scroll|view)-timeline\b", "115, 26.0", "scroll-timeline: --a;"),
    (r"\bfield-sizing\s*:", "123, 26.2", "field-sizing: content;"),
    (r"\btext-box(?:-\w+)?\s*:", "133, 18.2", "text-box: trim-both;"),
    (r"\ballow-discrete\b", "117, 17.4", "transition-behavior: allow-discrete;"),
]
NESTING = "112, 16.5"


def _line(text: str, position: int) -> int:
    """Return the number of the line of a position."""
    return text.count("\n", 0, position) + 1


def _without_comments(text: str) -> str:
    """Return a text with its CSS comments blank.

    All else stays in its place.
    """
    return re.sub(
        r"/\*.*?\*/",
        lambda found: re.sub(r"[^\n]", " ", found[0]),
        text,
        flags=re.DOTALL,
    )


def _nested(styles: str) -> Iterator[int]:
    """Return the positions of nested rules."""
    within: list[bool] = []  # for each open block, whether it is that of a style rule
    begin = 0
    for found in re.finditer(r"[{};]", styles):
        if found[0] == "{":
            head = styles[begin : found.start()].strip()
            if any(within):
                yield found.start()
            within.append(not head.startswith("@"))
        elif found[0] == "}":
            within.pop()
        begin = found.end()


def _newer(name: str, script: str) -> Iterator[str]:
    """Return what the oldest browsers lack, and where."""
    for pattern, since, _ in SCRIPT:
        for found in re.finditer(pattern, script):
            line = _line(script, found.start())
            yield f"{name}:{line}: {found[0].strip()!r} needs {since}"
    for block in re.finditer(r"\.replaceSync\(`(.*?)`\)", script, re.DOTALL):
        styles = _without_comments(block[1])
        for pattern, since, _ in STYLES:
            for found in re.finditer(pattern, styles):
                line = _line(script, block.start(1) + found.start())
                yield f"{name}:{line}: {found[0].strip()!r} needs {since}"
        for position in _nested(styles):
            line = _line(script, block.start(1) + position)
            yield f"{name}:{line}: a nested rule needs {NESTING}"


@pytest.mark.parametrize("name", MODULES)
def test_nothing_newer(name: str) -> None:
    """Each module runs in Chrome 111 and Safari 16.4."""
    assert list(_newer(name, MODULES[name])) == []


def test_styles_are_read() -> None:
    """All styles are where the test above looks."""
    blocks = re.findall(r"CSSStyleSheet|\.replaceSync\(`", "".join(MODULES.values()))
    assert blocks
    assert blocks == ["CSSStyleSheet", ".replaceSync(`"] * (len(blocks) // 2)
    for name, script in MODULES.items():
        assert not re.search(r"<style|cssText|insertRule|\.replace\(`", script), name


@pytest.mark.parametrize(("pattern", "since", "example"), SCRIPT)
def test_script_is_found(pattern: str, since: str, example: str) -> None:
    """What a browser lacks is found, with its line."""
    found = list(_newer("a.js", f"\n{example}\n"))
    assert [text for text in found if text.endswith(f"needs {since}")]
    assert all(text.startswith("a.js:2: ") for text in found)


@pytest.mark.parametrize(("pattern", "since", "example"), STYLES)
def test_style_is_found(pattern: str, since: str, example: str) -> None:
    """The same for styles, and only in styles."""
    found = list(_newer("a.js", f"\nS.replaceSync(`\n{example}\n`)"))
    assert found
    assert all(text.startswith("a.js:3: ") for text in found)
    assert found[0].endswith(f"needs {since}")


@pytest.mark.parametrize(
    ("styles", "lines"),
    [
        (".a { color: red; }\n.b { color: red; }", []),
        ("@media print {\n.a { color: red; } }\n.b { top: 0; }", []),
        (".a { /* .b { */ color: red; }", []),
        (".a { color: red;\n&:hover { color: blue; } }", [2]),
        (".a {\n.b { color: blue; } }\n.c { top: 0; }", [2]),
        (".a {\n@media print { color: blue; } }", [2]),
    ],
)
def test_nesting_is_found(styles: str, lines: list[int]) -> None:
    """Only rules inside of other rules are found."""
    found = list(_newer("a.js", f"S.replaceSync(`{styles}`)"))
    assert found == [f"a.js:{line}: a nested rule needs {NESTING}" for line in lines]


@pytest.mark.parametrize(
    "script",
    [
        "Object.values(hass.areas).map(name)",
        "[...rows.values()].map(view)",
        "rows.toSorted(compare).findLast(shown) ?? rows.at(-1)",
        "const half = width / 2 / value;",
        '"vesper/status/vitals"',
    ],
)
def test_older_is_not_found(script: str) -> None:
    """What both browsers have is not found."""
    assert list(_newer("a.js", script)) == []


def test_documented() -> None:
    """The documentation names the browsers tested here."""
    page = PAGES["docs/dashboards.md"]
    assert f"Chrome and Edge {CHROME}, Safari {SAFARI} and Firefox" in page
