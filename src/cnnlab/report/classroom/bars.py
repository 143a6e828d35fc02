"""How many of a class came to what: the parts of a bar, and lists of ids in one order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cnnlab.classroom.results import AnsweredQuestion, CheckedTask


@dataclass(frozen=True)
class Part:
    """A part of a bar. look: its CSS class. share: of the whole, in per cent."""

    look: str
    says: str
    count: int
    share: float


def parts(counts: Mapping[str, int], of: int, looks: Mapping[str, tuple[str, str]]) -> tuple[Part, ...]:
    """The parts that there are, in the order of `looks`: what was counted → its CSS class, and what it is called."""
    return tuple(
        Part(look, says, counts[kind], round(100 * counts[kind] / of, 2))
        for kind, (look, says) in looks.items()
        if counts.get(kind)
    )


def in_order(lists: Iterable[Sequence[AnsweredQuestion] | Sequence[CheckedTask]]) -> list[str]:
    """All ids in an order that agrees with every list's, where these agree with one another."""
    order: list[str] = []
    for those in sorted(lists, key=len, reverse=True):
        place = 0
        for one in those:
            if one.id in order:
                place = order.index(one.id) + 1
            else:
                order.insert(place, one.id)
                place += 1
    return order
