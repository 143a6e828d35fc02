"""What our own SVG drawings share: a frame that can lie in any page, its colours in light and dark, text that fits.

A drawing has no ids, and all its style is scoped under classes of its root, so that any number of them can be
inlined in one page.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape

#: Units (CSS pixels at full size) of a drawing's text and of its small print.
TEXT, SMALL = 14, 13
#: Semi-bold text of TEXT units takes as much room as plain text of this many.
STRONG = 15.3

# The pages' own palette (`templates/style.css`), under names that no page uses. As there, print is light.
_STYLE = """
.cnnlab-svg {
  --svg-page: #fcfcfb; --svg-raised: #f3f4f4; --svg-ink: #1b1f24; --svg-muted: #59616b; --svg-line: #dcdfe3;
  --svg-link: #1a56b0; --svg-mark: #0f766e;
  display: block; max-width: 100%; height: auto; overflow: hidden; background: var(--svg-page);
  font: 14px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
.cnnlab-svg text { fill: var(--svg-ink); }
.cnnlab-svg text.muted { fill: var(--svg-muted); }
.cnnlab-svg text.small { font-size: 13px; }
.cnnlab-svg text.strong { font-weight: 600; }
.cnnlab-svg text.middle { text-anchor: middle; }
@media screen and (prefers-color-scheme: dark) {
  .cnnlab-svg {
    --svg-page: #14171b; --svg-raised: #1d2126; --svg-ink: #e7eaee; --svg-muted: #a2abb6; --svg-line: #333940;
    --svg-link: #8ab8ff; --svg-mark: #54cdbb;
  }
}
"""


def drawing(css: str, *, width: float, height: float, title: str, description: str, style: str, body: list[str]) -> str:
    """A whole `<svg>`: full size is width × height CSS pixels, and it shrinks with the page.

    css: the drawing's own class, under which every rule of `style` is scoped. body: elements, already escaped.
    """
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="cnnlab-svg {css}" role="img" '
            f'width="{length(width)}" height="{length(height)}" viewBox="0 0 {length(width)} {length(height)}">',
            f"<title>{escaped(title)}</title>",
            f"<desc>{escaped(description)}</desc>",
            f"<style>{_STYLE}{style}</style>",
            *body,
            "</svg>",
        ]
    )


def text(x: float, y: float, content: str, css: str = "") -> str:
    """A line of text whose baseline is at y."""
    classes = f' class="{css}"' if css else ""
    return f'<text x="{length(x)}" y="{length(y)}"{classes}>{escaped(content)}</text>'


def escaped(content: str) -> str:
    """Any text as XML: what XML cannot hold at all (control characters, halves of pairs) becomes �."""
    return escape(re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", content))


def length(value: float) -> str:
    """A length or a place in the drawing, as its attributes have it: 12.50 → `12.5`, 3.0 → `3`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def text_width(content: str, size: float = TEXT) -> float:
    """About how many units wide a line is; rather too many than too few in the fonts that pages use."""
    return size * sum(_em(character) for character in content)


def shortened(content: str, width: float, size: float = TEXT, *, keep_end: bool = False) -> str:
    """The text, or as much of it as fits `width` with an ellipsis where the rest was."""
    content = " ".join(content.split())
    if text_width(content, size) <= width:
        return content
    while content and text_width(content + "…", size) > width:
        content = content[1:] if keep_end else content[:-1]
    return f"…{content.lstrip('.')}" if keep_end else f"{content}…"


def wrapped(content: str, width: float, size: float = TEXT) -> list[str]:
    """The text in lines of at most `width`, broken at spaces; a word that is too long is shortened."""
    lines: list[str] = []
    for word in content.split(" "):
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(shortened(word, width, size))
    return lines


def _em(character: str) -> float:
    """A character's width in units of the font size, as in DejaVu Sans, the widest of the fonts that pages may get."""
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if unicodedata.combining(character):
        return 0
    if character in " .,:;|!'’`·iIjl":
        return 0.34
    if character in "()[]{}⌊⌋⌈⌉/\\ftr":
        return 0.42
    if character in "mwMW@%…":
        return 0.95
    return 0.75 if character.isupper() else 0.65
