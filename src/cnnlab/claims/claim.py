"""What a claim is: a statement of the lesson, an experiment that measures it, a verdict that follows from that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cnnlab.claims.entry import ClaimEntry, DifferenceEntry, PlaceEntry, SmallestEffect, WhereEntry
from cnnlab.claims.judging import Control, Judged, Smallest, VerdictWord, Where, controlled, seeds_to_settle

if TYPE_CHECKING:
    from cnnlab.claims.laboratory import Laboratory
    from cnnlab.figures import Figure

Kind = Literal["exact", "statistical"]


@dataclass(frozen=True)
class Finding:
    """What an experiment measured, and the verdict that follows.

    effect: the one figure that the verdict hangs on, in `unit`. interval: of it at 95 %, None where it is exact or n is
    1. n: cases, units, masks or seeds, as `of` says. says: the finding in words. table: the figures behind it, a head
    and rows. figures: what convinces.

    by_seed: the effect of every seed, in `unit`. boundary: effects at which the verdict turns. is_ratio: whether the
    effect is a factor. controls: the same rule on what the statement is false of. where: the effect over a factor.
    judged: the difference over seeds that the effect is, where it is one. seeds_to_settle: the range of seeds that
    would tell the measured effect from the boundary (its upper end None: more than anybody trains); None where that is
    no question.
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
    controls: tuple[Control, ...] = ()
    where: Where | None = None
    judged: Judged | None = None
    seeds_to_settle: tuple[int, int | None] | None = None


def found_over_seeds(
    judged: Judged,
    *,
    unit: str,
    says: str,
    controls: tuple[Control, ...],
    verdict: VerdictWord | None = None,
    where: Where | None = None,
    table: tuple[tuple[str, ...], ...] = (),
    figures: tuple[Figure, ...] = (),
    is_ratio: bool = False,
) -> Finding:
    """The finding of a claim that is a difference over seeds.

    verdict: where more is asked than the difference alone decides. A control that passes the rule, too, leaves it
    undecided.
    """
    return Finding(
        effect=judged.effect,
        unit=unit,
        interval=judged.interval,
        n=judged.n,
        of="seeds",
        verdict=controlled(verdict or judged.verdict, *controls),
        says=says if where is None else f"{says} {where.words}",
        table=table,
        figures=figures,
        by_seed=judged.by_seed,
        boundary=(1.0,) if is_ratio else (0.0,),
        is_ratio=is_ratio,
        controls=controls,
        where=where,
        judged=judged,
        seeds_to_settle=seeds_to_settle(judged),
    )


@dataclass(frozen=True)
class Claim:
    """A statement of the lesson and the experiment that puts it to the test.

    kind: exact claims hold for every input and are checked numerically; statistical ones compare measurements.
    section: of the lesson. decides: in words, when the verdict is which. smallest: the effect that matters at least;
    every statistical claim has one.
    """

    id: str
    statement: str
    section: str
    kind: Kind
    decides: str
    measure: Callable[[Laboratory], Finding]
    smallest: Smallest | None = None

    def entry(self, finding: Finding, time_s: float) -> ClaimEntry:
        """What claims.json says of the claim, short of the runs that it rests on."""
        smallest, judged, where = self.smallest, finding.judged, finding.where
        return ClaimEntry(
            id=self.id,
            statement=self.statement,
            section=self.section,
            kind=self.kind,
            effect=finding.effect,
            unit=finding.unit,
            interval=finding.interval,
            n=finding.n,
            n_of=finding.of,
            verdict=finding.verdict,
            time_s=round(time_s, 3),
            says=finding.says,
            decides=self.decides,
            smallest=None
            if smallest is None
            else SmallestEffect(effect=smallest.value, unit=smallest.unit, reason=smallest.reason),
            controls=finding.controls,
            where=None if where is None else _where(where),
            table=finding.table,
            by_seed=finding.by_seed,
            boundary=finding.boundary,
            is_ratio=finding.is_ratio,
            difference=None
            if judged is None
            else DifferenceEntry(standard_deviation=judged.difference.standard_deviation, p=judged.difference.p),
            seeds_to_settle=finding.seeds_to_settle,
        )


def _where(where: Where) -> WhereEntry:
    places = tuple(
        PlaceEntry(at=at, effect=judged.effect, interval=judged.interval, n=judged.n, verdict=judged.verdict)
        for at, judged in where.places
    )
    return WhereEntry(factor=where.factor, decides_at=where.decides_at, places=places)
