"""How claims' pages write a claim's effect, and what they say of a verdict that is not `supported`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

#: An entry of claims.json.
Entry = Mapping[str, Any]

_SPACE = "\u00a0"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

#: More seeds than anybody trains: the answer is "more than so many".
_MOST_SEEDS = 1000


def number(value: float) -> str:
    """8.0 → `8.00`, 23670.8 → `23,671`, 0 → `0`, 1.1e-15 → `1.1 × 10⁻¹⁵`; with a true minus sign."""
    size = abs(value)
    if value == 0:
        text = "0"
    elif size < 0.005:
        digits, _, exponent = f"{value:.1e}".partition("e")
        text = f"{digits}{_SPACE}×{_SPACE}10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    else:
        text = f"{value:,.0f}" if size >= 1000 else f"{value:.2f}"
    return text.replace("-", "−")


def typeset(text: str) -> str:
    """`1e-15` → `10⁻¹⁵`, `2e-15` → `2 × 10⁻¹⁵`, `-0.13` → `−0.13`."""

    def power(found: re.Match[str]) -> str:
        factor = "" if found[1] == "1" else f"{found[1]}{_SPACE}×{_SPACE}"
        return f"{factor}10{str(int(found[2])).translate(_SUPERSCRIPTS)}"

    text = re.sub(r"\b(\d(?:\.\d+)?)e([-+]?\d+)\b", power, text)
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text)


def interval(entry: Entry) -> str:
    """`[3.76, 12.24]`, or nothing where there is none."""
    if entry["interval"] is None:
        return ""
    low, high = (_end(end) for end in entry["interval"])
    return f"[{low},{_SPACE}{high}]"


def sample(entry: Entry) -> str:
    """`n = 3 seeds`, `n = 7,680 cases`."""
    of = entry["n_of"] if entry["n"] != 1 else entry["n_of"].removesuffix("s")
    return f"n{_SPACE}={_SPACE}{entry['n']:,}{_SPACE}{of}"


def why(entry: Entry) -> list[str]:
    """Why a verdict is not `supported`: sentences that follow from the entry's figures."""
    if entry["verdict"] == "supported":
        return []
    ends, boundary, by_seed = entry["interval"], entry["boundary"], entry["by_seed"]
    named = " and ".join(_end(one) for one in boundary)
    if entry["verdict"] == "not supported":
        return [f"The figures speak against the statement: {_where(entry, named)}."]
    if ends is None:
        return ["One seed says nothing about how much the next one differs: at least two are needed."]
    if not any(ends[0] <= one <= ends[1] for one in boundary):
        return [f"{_where(entry, named)[:1].upper()}{_where(entry, named)[1:]}, but the rule below asks for more."]
    sentences = [f"The 95{_SPACE}% interval {interval(entry)} reaches across {named}: it leaves both answers open."]
    if len(boundary) == 1 and by_seed:
        above = sum(one > boundary[0] for one in by_seed)
        many = f"All {above}" if above == len(by_seed) else f"Of {len(by_seed)} seeds {above or 'none'}"
        seeds = " seeds lie" if above == len(by_seed) else " lie" if above > 1 else " lies"
        sentences.append(f"{many}{seeds} above {named}.")
    needed = entry["seeds_to_settle"]
    if needed is not None and needed > len(by_seed):
        many = f"about {needed:,}" if needed <= _MOST_SEEDS else f"more than {_MOST_SEEDS:,}"
        sentences.append(
            f"If the effect really is {number(entry['effect'])} and seeds differ as these did, {many} seeds would "
            "settle it, four times out of five."
        )
    elif needed is None and len(by_seed) > 1:
        sentences.append("The effect lies where the verdict turns: no number of seeds can be told from it.")
    elif needed is not None:
        sentences.append("So many seeds would settle an effect of this size four times out of five; these did not.")
    return sentences


def _where(entry: Entry, named: str) -> str:
    ends, boundary = entry["interval"], entry["boundary"]
    if ends is None:
        return f"the effect is {number(entry['effect'])} {entry['unit']}"
    side = "above" if ends[0] > max(boundary) else "below" if ends[1] < min(boundary) else "within"
    return f"the whole 95{_SPACE}% interval {interval(entry)} lies {side} {named}"


def _end(value: float) -> str:
    """An end of an interval, or a boundary: whole numbers without decimals where they are boundaries."""
    if value == 0 or (math.isfinite(value) and value == int(value) and abs(value) < 1000):
        return f"{value:.0f}".replace("-", "−")
    return f"{value:,.2f}".replace("-", "−")
