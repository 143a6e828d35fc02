"""How the comparison's page writes differences: shares up to here, points from here on."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from cnnlab.report.numbers import percent


def signed_points(difference: float, *, decimals: int = 2) -> str:
    """0.0042 → `+0.42`, with a true minus sign; 0 has no sign."""
    text = f"{100 * difference:+.{decimals}f}"
    if float(text) == 0:
        return text[1:]
    return text.replace("-", "−")


def difference_text(mean: float, low: float | None, high: float | None) -> str:
    """(0.0042, 0.002, 0.0064) → `+0.42 [+0.20, +0.64]`, in points, with decimals that show the interval's width."""
    if low is None or high is None:
        return signed_points(mean)
    width = 100 * (high - low)
    decimals = 2 if width == 0 else min(5, max(2, 1 - math.floor(math.log10(width))))
    ends = ", ".join(signed_points(end, decimals=decimals) for end in (low, high))
    return f"{signed_points(mean, decimals=decimals)} [{ends}]"


def p_text(p: float | None) -> str:
    """0.0123 → `0.012`, 0.00001 → `< 0.001`, None (one seed) → `–`."""
    if p is None:
        return "–"
    return "<\u00a00.001" if p < 0.001 else f"{p:.3f}"


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
    words = re.sub(r"\[[^\]]*\]", lambda found: found.group().replace(" ", "\u00a0"), words)
    return words.replace("n = ", "n\u00a0=\u00a0").replace(" points", "\u00a0points")
