"""What a claim is: a statement of the lesson, an experiment that measures it, a verdict that follows from that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from cnnlab.claims.figures import Figure
    from cnnlab.claims.laboratory import Laboratory

Kind = Literal["exact", "statistical"]
VerdictWord = Literal["supported", "not supported", "undecided"]


@dataclass(frozen=True)
class Finding:
    """What an experiment measured.

    effect: the one figure that the verdict hangs on, in `unit`. interval: of it at 95 %, None where it is exact or n is
    1. n: cases, units, masks or seeds, as `of` says. says: the finding in words. table: the figures behind it, a head
    and rows. figures: what convinces.

    by_seed: the effect of every seed, in `unit`. boundary: effects at which the verdict turns. is_ratio: whether the
    effect is a factor. seeds_to_settle: about how many seeds would tell the measured effect from the boundary; None
    where that is no question.
    """

    effect: float
    unit: str
    interval: tuple[float, float] | None
    n: int
    of: str
    verdict: VerdictWord
    says: str
    table: tuple[tuple[str, ...], ...] = ()
    figures: tuple[Figure, ...] = ()
    by_seed: tuple[float, ...] = ()
    boundary: tuple[float, ...] = (0.0,)
    is_ratio: bool = False
    seeds_to_settle: int | None = None


@dataclass(frozen=True)
class Claim:
    """A statement of the lesson and the experiment that puts it to the test.

    kind: exact claims hold for every input and are checked numerically; statistical ones compare measurements.
    section: of the lesson. decides: in words, when the verdict is which.
    """

    id: str
    statement: str
    section: str
    kind: Kind
    decides: str
    measure: Callable[[Laboratory], Finding]

    def to_json(self, finding: Finding, time_s: float) -> dict[str, Any]:
        """One entry of `cnnlab claims --json`."""
        return {
            "id": self.id,
            "statement": self.statement,
            "section": self.section,
            "kind": self.kind,
            "effect": finding.effect,
            "unit": finding.unit,
            "interval": None if finding.interval is None else list(finding.interval),
            "n": finding.n,
            "n_of": finding.of,
            "verdict": finding.verdict,
            "time_s": round(time_s, 3),
            "says": finding.says,
            "decides": self.decides,
            "table": [list(row) for row in finding.table],
            "by_seed": list(finding.by_seed),
            "boundary": list(finding.boundary),
            "is_ratio": finding.is_ratio,
            "seeds_to_settle": finding.seeds_to_settle,
        }
