"""What a claim's page shows: figures as plain data. A claim measures them, `report/` draws them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cnnlab.claims.judging import Smallest, Where


@dataclass(frozen=True)
class Series:
    """A measure along a figure's x.

    values: (seeds, places of x); one row where no seeds are involved. low, high: a band around one row, an interval for
    instance; several seeds need none, their range is the band. shape: how a single row is drawn.
    """

    name: str
    values: tuple[tuple[float, ...], ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    shape: Literal["line", "dots", "steps"] = "line"


@dataclass(frozen=True)
class Lines:
    """Up to four measures along x: over numbers, or from one case to the next where x are names.

    levels: values of y with what they mean, such as a target or chance. is_share: y is 0–1 and shown in per cent.
    """

    title: str
    x: tuple[float, ...] | tuple[str, ...]
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    levels: tuple[tuple[float, str], ...] = ()
    is_share: bool = False
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Bars:
    """A bar for every row and series, from 0. values: (series, rows)."""

    title: str
    rows: tuple[str, ...]
    series: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Map:
    """One picture of numbers, (H, W).

    kind: `gray` for an image (0 black, 1 white), `signed` for what has a sign, full strength at ±scale. marks: pixels
    to tint, bool (H, W). box: top, left, height and width of an outline, in pixels. has_numbers: write every number.
    """

    title: str
    values: NDArray[np.float64]
    kind: Literal["gray", "signed"] = "signed"
    scale: float = 1.0
    marks: NDArray[np.bool_] | None = None
    box: tuple[int, int, int, int] | None = None
    has_numbers: bool = False


@dataclass(frozen=True)
class Maps:
    """Pictures side by side."""

    title: str
    maps: tuple[Map, ...]


Figure = Lines | Bars | Maps


def over_seeds(name: str, values: Iterable[Sequence[float]]) -> Series:
    """A series of several seeds; values: one sequence a seed."""
    return Series(name, tuple(tuple(map(float, of_seed)) for of_seed in values))


def from_case_to_case(name: str, *cases: Sequence[float]) -> Series:
    """A series over named cases; cases: for each, one value a seed."""
    return over_seeds(name, zip(*cases, strict=True))


def where_it_holds(title: str, where: Where, unit: str, smallest: Smallest, *, log_x: bool = True) -> Lines:
    """The effect over the factor with its interval, and the smallest effect that matters; every seed a thin line."""
    judged = [one for _, one in where.places]
    ends = [one.interval or (one.effect, one.effect) for one in judged]
    none = 1.0 if smallest.is_ratio else 0.0
    return Lines(
        title,
        tuple(float(at) for at, _ in where.places),
        where.factor,
        unit,
        (
            Series(
                "effect",
                tuple(zip(*(one.by_seed for one in judged), strict=True)),
                low=tuple(low for low, _ in ends),
                high=tuple(high for _, high in ends),
            ),
        ),
        levels=((none, "no effect"), (smallest.value, f"{smallest.value:g}: the smallest that matters")),
        log_x=log_x,
        log_y=smallest.is_ratio,
    )
