"""How pages write numbers: accuracy is 0–1 up to here."""

from __future__ import annotations

_SPACE = "\u00a0"  # a number and its unit stay on one line


def percent(share: float, decimals: int = 1) -> str:
    """0.9953 → `99.53 %`. What is not quite 100 % (or 0 %) is not written as that: 0.99996 → `> 99.9 %`."""
    text = f"{100 * share:.{decimals}f}"
    step = 10**-decimals
    if share < 1 and float(text) == 100:
        return f">{_SPACE}{100 - step:.{decimals}f}{_SPACE}%"
    if share > 0 and float(text) == 0:
        return f"<{_SPACE}{step:.{decimals}f}{_SPACE}%"
    return f"{text}{_SPACE}%"


def accuracy(share: float, images: int) -> str:
    """An accuracy with the decimals that `images` images can carry."""
    return percent(share, _decimals(images))


def interval(low: float, high: float, images: int) -> str:
    """(0.9938, 0.9965) → `99.38 – 99.65 %`."""
    decimals = _decimals(images)
    return f"{100 * low:.{decimals}f}{_SPACE}–{_SPACE}{100 * high:.{decimals}f}{_SPACE}%"


def points(difference: float) -> str:
    """A difference of two shares, in percentage points: 0.014 → `1.4 points`."""
    return f"{100 * difference:.1f}{_SPACE}points"


def count(number: int) -> str:
    """60000 → `60,000`."""
    return f"{number:,}"


def duration(seconds: float) -> str:
    """20.61 → `20.6 s`, 200 → `3 min 20 s`, 3900 → `1 h 05 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f}{_SPACE}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{_SPACE}min {whole % 60:02d}{_SPACE}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}{_SPACE}h {minutes % 60:02d}{_SPACE}min"


def plain(value: object) -> str:
    """A setting as a person would write it: no brackets, `none` for None, `on` and `off` for switches."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return ", ".join(plain(part) for part in value) or "none"
    return "none" if value is None else str(value)


def _decimals(images: int) -> int:
    return 1 if images < 2000 else 2
