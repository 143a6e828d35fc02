"""A claim's entry in claims.json, and what it is made from: a strict record, written as it is and read back so."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import ConfigDict, Field

from cnnlab.claims.judging import Control, VerdictWord
from cnnlab.config import Strict
from cnnlab.runs.environment import Environment

Interval = tuple[float, float]


class _Measured(Strict):
    # A ratio over nothing is infinite, and is written so.
    model_config = ConfigDict(allow_inf_nan=True)


class SmallestEffect(_Measured):
    """The smallest effect that matters, in a short word for the claim's unit, and why."""

    effect: float
    unit: str
    reason: str


class PlaceEntry(_Measured):
    """What came out at one value of the factor on which the effect is thought to depend."""

    at: float
    effect: float
    interval: Interval | None
    n: int
    verdict: VerdictWord


class WhereEntry(_Measured):
    """The effect over a factor. decides_at: the value at which the claim's verdict is taken."""

    factor: str
    decides_at: float
    places: tuple[PlaceEntry, ...]


class DifferenceEntry(_Measured):
    """What another interval of a difference over seeds can be worked out from; of logarithms where it is a ratio."""

    standard_deviation: float | None
    p: float | None


class Corrected(_Measured):
    """The interval at the level that Holm's correction over `of` tests gives the claim."""

    of: int
    level: float
    interval: Interval | None


class MadeOn(Environment):
    """An environment, and how many of the claim's runs were made in it."""

    runs: int = Field(ge=1)

    def to_json(self, *, of_a_run: bool = True) -> dict[str, Any]:
        """The number of runs first."""
        return {"runs": self.runs} | super().to_json(of_a_run=of_a_run)


class ClaimEntry(_Measured):
    """What came of a claim: its statement, the finding (`claims.claim.Finding`), the runs that it rests on.

    effect: in `unit`; interval: of it at 95 %, None where it is exact or n is 1. n: cases, units, masks or seeds, as
    n_of says. time_s: from asking to the verdict; train_time_s: of the runs. runs: their folders, from
    the record's. data: names of the sets that they were trained on. corrected: where the claim is one of the family of
    tests over seeds, once its round is written. measured: the day of the verdict, as 2026-11-26; None in records that
    did not keep it.
    """

    id: str
    statement: str
    section: str
    kind: Literal["exact", "statistical"]
    effect: float
    unit: str
    interval: Interval | None
    n: int
    n_of: str
    verdict: VerdictWord
    time_s: float
    says: str
    decides: str
    smallest: SmallestEffect | None
    controls: tuple[Control, ...]
    where: WhereEntry | None
    table: tuple[tuple[str, ...], ...]
    by_seed: tuple[float, ...]
    boundary: tuple[float, ...]
    is_ratio: bool
    difference: DifferenceEntry | None
    seeds_to_settle: tuple[int, int | None] | None
    runs: tuple[str, ...] = ()
    runs_found: int = 0
    runs_diverged: int = 0
    train_time_s: float = 0.0
    data: tuple[str, ...] = ()
    environments: tuple[MadeOn, ...] = ()
    corrected: Corrected | None = None
    measured: date | None = None

    def to_json(self) -> dict[str, Any]:
        """One entry of `cnnlab claims --json`."""
        return self.model_dump(mode="json") | {"environments": [one.to_json() for one in self.environments]}
