"""Two changes at once: what each does, and whether one changes what the other does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnnlab.experiments.statistics import Difference, factorial, holm
from cnnlab.experiments.variants import Variant
from cnnlab.experiments.verdicts import Verdict, verdict


@dataclass(frozen=True)
class Effect:
    """A contrast of a 2×2 design.

    name: of the change, or of both with × between. on_test: of test accuracy (0–1), with the p value corrected for the
    design's three contrasts and the verdict in words. on_gap: of the gap between training and validation accuracy.
    """

    name: str
    on_test: Difference
    adjusted_p: float | None
    words: str
    on_gap: Difference

    def to_json(self) -> dict[str, Any]:
        """The effect as plain values."""
        return {
            "name": self.name,
            "test": _difference_json(self.on_test) | {"adjusted_p": self.adjusted_p},
            "gap": _difference_json(self.on_gap),
            "verdict": self.words,
        }


@dataclass(frozen=True)
class TwoByTwo:
    """A 2×2 design. factors: the two changes' names. cells: (first made, second made) → the variant's name.

    effects: of the first, of the second, each averaged over the other made and not made, and their interaction: what
    the first does where the second is made, less what it does where it is not.
    """

    factors: tuple[str, str]
    cells: dict[tuple[bool, bool], str]
    effects: tuple[Effect, Effect, Effect]


def both(first: Variant, second: Variant) -> Variant:
    """The variant that makes two changes, one after the other."""
    return Variant(
        f"{first.name} + {second.name}",
        "both changes together do what each does alone, added",
        "2×2 design",
        lambda plan: second.change(first.change(plan)),
    )


def two_by_two(
    factors: tuple[str, str],
    cells: Mapping[tuple[bool, bool], str],
    test: Mapping[tuple[bool, bool], Sequence[float]],
    gap: Mapping[tuple[bool, bool], Sequence[float]],
    *,
    test_images: int,
) -> TwoByTwo:
    """Take four variants' test accuracies and gaps apart; a value a seed, the same seeds in all four.

    The three contrasts are three comparisons, corrected together (Holm).
    """
    on_test, on_gap = factorial(test, resolution=1 / test_images), factorial(gap)
    contrasts = (on_test.a, on_test.b, on_test.interaction)
    names = (*factors, " × ".join(factors))
    adjusted = holm([contrast.p for contrast in contrasts])
    verdicts = [verdict(contrast, adjusted_p=p, comparisons=3) for contrast, p in zip(contrasts, adjusted, strict=True)]
    words = (verdicts[0].words, verdicts[1].words, _of_interaction(verdicts[2]))
    effects = tuple(
        Effect(name, contrast, p, says, on_gap_)
        for name, contrast, p, says, on_gap_ in zip(
            names, contrasts, adjusted, words, (on_gap.a, on_gap.b, on_gap.interaction), strict=True
        )
    )
    return TwoByTwo(factors, dict(cells), (effects[0], effects[1], effects[2]))


def _of_interaction(found: Verdict) -> str:
    """An interaction is neither better nor worse: together the two changes reach more or less than their sum."""
    if found.kind not in ("better", "worse"):
        return found.words
    size = found.words.removeprefix(f"{found.kind} by ")
    return f"together {'more' if found.kind == 'better' else 'less'} than the sum of both, by {size}"


def _difference_json(difference: Difference) -> dict[str, Any]:
    return {
        "mean": difference.mean,
        "interval": None if difference.low is None else [difference.low, difference.high],
        "p": difference.p,
        "n": difference.n,
    }
