"""How figures are written, in sentences, on pages and on the terminal. Shares are 0–1 up to here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnlab.experiments.statistics import Difference

#: Between a number and its unit, which stay on one line.
SPACE = "\u00a0"

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def true_minus(text: str) -> str:
    """Numbers with a minus as wide as a plus: `-0.13` → `−0.13`. For text that has no other hyphens; else `typeset`."""
    return text.replace("-", "−")


def signed(value: float, decimals: int = 2) -> str:
    """-1.274 → `−1.27`, 1.274 → `1.27`; what is written as 0 has no sign."""
    return true_minus(f"{value:z.{decimals}f}")


def rounded(value: float) -> str:
    """8.0 → `8.00`, 23670.8 → `23,671`, 0 → `0`, 1.1e-15 → `1.1 × 10⁻¹⁵`; with a true minus sign."""
    size = abs(value)
    if value == 0:
        text = "0"
    elif size < 0.005:
        digits, _, exponent = f"{value:.1e}".partition("e")
        text = f"{digits}{SPACE}×{SPACE}10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    else:
        text = f"{value:,.0f}" if size >= 1000 else f"{value:.2f}"
    return true_minus(text)


def typeset(text: str) -> str:
    """`1e-15` → `10⁻¹⁵`, `2e-15` → `2 × 10⁻¹⁵`, `-0.13` → `−0.13`."""

    def power(found: re.Match[str]) -> str:
        factor = "" if found[1] == "1" else f"{found[1]}{SPACE}×{SPACE}"
        return f"{factor}10{str(int(found[2])).translate(_SUPERSCRIPTS)}"

    text = re.sub(r"\b(\d(?:\.\d+)?)e([-+]?\d+)\b", power, text)
    return re.sub(r"(?<![\w.])-(?=\d)", lambda found: true_minus(found[0]), text)


def percent(share: float, decimals: int = 1) -> str:
    """0.9953 → `99.53 %`. What is not quite 100 % (or 0 %) is not written as that: 0.99996 → `> 99.9 %`."""
    text = f"{100 * share:.{decimals}f}"
    step = 10**-decimals
    if share < 1 and float(text) == 100:
        return f">{SPACE}{100 - step:.{decimals}f}{SPACE}%"
    if share > 0 and float(text) == 0:
        return f"<{SPACE}{step:.{decimals}f}{SPACE}%"
    return f"{text}{SPACE}%"


def accuracy(share: float, images: int) -> str:
    """An accuracy with the decimals that `images` images can carry."""
    return percent(share, _decimals(images))


def interval(low: float, high: float, images: int) -> str:
    """(0.9938, 0.9965) → `99.38 – 99.65 %`."""
    decimals = _decimals(images)
    return f"{100 * low:.{decimals}f}{SPACE}–{SPACE}{100 * high:.{decimals}f}{SPACE}%"


def in_points(share: float, *, decimals: int = 2) -> str:
    """A share or a difference of two in percentage points: 0.0042 → `0.42`; what is written as 0 has no sign."""
    return true_minus(f"{100 * share:z.{decimals}f}")


def signed_points(difference: float, *, decimals: int = 2) -> str:
    """As `in_points`, with a plus above 0: 0.0042 → `+0.42`."""
    text = in_points(difference, decimals=decimals)
    return f"+{text}" if difference > 0 and float(text) else text


def points(difference: Difference, sign: int = 1) -> str:
    """A difference of shares with its interval, in points: `+0.42 [+0.20, +0.64]`.

    The decimals show the interval's width. sign: -1 turns the difference round.
    """
    mean = sign * difference.mean
    if difference.low is None or difference.high is None:
        return signed_points(mean)
    low, high = sorted((sign * difference.low, sign * difference.high))
    width = 100 * (high - low)
    decimals = 2 if width == 0 else min(5, max(2, 1 - math.floor(math.log10(width))))
    ends = ", ".join(signed_points(end, decimals=decimals) for end in (low, high))
    return f"{signed_points(mean, decimals=decimals)} [{ends}]"


def count(things: int) -> str:
    """60000 → `60,000`."""
    return f"{things:,}"


def short_count(number: float) -> str:
    """A count with three digits: 421834 → `422 k`, 3870000 → `3.87 M`."""
    rounded = float(f"{number:.3g}")
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if rounded >= size:
            return f"{rounded / size:g}{SPACE}{unit}"
    return f"{rounded:g}"


def duration(seconds: float) -> str:
    """20.61 → `20.6 s`, 200 → `3 min 20 s`, 3900 → `1 h 05 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f}{SPACE}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{SPACE}min {whole % 60:02d}{SPACE}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}{SPACE}h {minutes % 60:02d}{SPACE}min"


def plain(value: object) -> str:
    """A setting as a person would write it: no brackets, `none` for None, `on` and `off` for switches."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return ", ".join(plain(part) for part in value) or "none"
    return "none" if value is None else str(value)


def p_text(p: float | None) -> str:
    """0.0123 → `0.012`, 0.00001 → `< 0.001`, None (one seed) → `–`."""
    if p is None:
        return "–"
    return f"<{SPACE}0.001" if p < 0.001 else f"{p:.3f}"


def nats(loss: float) -> str:
    """A loss or a difference of losses: 0.0123 → `0.012`."""
    return "less than 0.001" if 0 < loss < 0.001 else f"{loss:.3f}"


def shares_text(shares: Sequence[float]) -> str:
    """The mean of shares over seeds and how far they reach: `97.31 % (97.10 to 97.52)`."""
    middle = percent(sum(shares) / len(shares), 2)
    if len(shares) == 1:
        return middle
    return f"{middle} ({100 * min(shares):.2f} to {100 * max(shares):.2f})"


def seeds_text(seeds: Sequence[int]) -> str:
    """(0, 1, 2) → `seeds 0 to 2`."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds[:-1]))} and {seeds[-1]}"


def unbroken(words: str) -> str:
    """A verdict's words, with `n = 5`, `0.1 points` and what stands in brackets each kept on one line."""
    words = re.sub(r"\[[^\]]*\]", lambda found: found.group().replace(" ", SPACE), words)
    return words.replace("n = ", f"n{SPACE}={SPACE}").replace(" points", f"{SPACE}points")


def _decimals(images: int) -> int:
    return 1 if images < 2000 else 2
