"""What the figures say on overfitting: the gap against the baseline's, a rising validation loss, training near 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.experiments.compare import Comparison, VariantFigures
from cnnlab.experiments.statistics import holm, paired_difference
from cnnlab.experiments.verdicts import Verdict, verdict
from cnnlab.numbers import SPACE, in_points, nats, shares_text, unbroken
from cnnlab.report.comparison.curves import Curves
from cnnlab.training.loop import Epoch

#: Training accuracy (0–1) from which on it is called near 1.
NEAR = 0.99


@dataclass(frozen=True)
class Overfitting:
    """summary: of all variants. of_variant: name → sentences on it."""

    summary: str
    of_variant: dict[str, str]


def overfitting(comparison: Comparison, curves: Sequence[Curves]) -> Overfitting:
    """Say what the curves show; curves: those of `comparison.variants`, in their order."""
    verdicts = gap_verdicts(comparison, curves)
    return Overfitting(
        summary=" ".join(_summary(comparison, curves, verdicts)),
        of_variant={
            one.variant.name: " ".join(_sentences(one, runs, verdicts.get(one.variant.name)))
            for one, runs in zip(comparison.variants, curves, strict=True)
        },
    )


def gap_verdicts(comparison: Comparison, curves: Sequence[Curves]) -> dict[str, Verdict]:
    """Variant name → its gap after the last epoch against the baseline's, paired by seed, corrected for all variants.

    `better` is a narrower gap.
    """
    base, *others = comparison.variants
    steps = [_gap_step(one, runs) for one, runs in zip(comparison.variants, curves, strict=True)]
    differences = [
        # Two gaps with steps of their own are rounded as much as two with the quadratic mean of these.
        paired_difference(one.gap, base.gap, resolution=math.sqrt((step**2 + steps[0] ** 2) / 2))
        for one, step in zip(others, steps[1:], strict=True)
    ]
    adjusted = holm([difference.p for difference in differences])
    return {
        one.variant.name: verdict(difference, adjusted_p=p, comparisons=len(adjusted), higher_is_better=False)
        for one, difference, p in zip(others, differences, adjusted, strict=True)
    }


def loss_rises(runs: Curves) -> list[tuple[float, float]]:
    """Validation loss of each seed: at its lowest, and after the last epoch."""
    return [(min(epoch.validation_loss for epoch in run), run[-1].validation_loss) for run in runs]


def _gap_step(figures: VariantFigures, runs: Curves) -> float:
    """The step that one gap is rounded to: two accuracies' steps, added as independent roundings are."""
    return math.hypot(1 / runs[0][-1].remeasured_images, 1 / figures.runs[0].config.data.images["validation"])


def _summary(comparison: Comparison, curves: Sequence[Curves], verdicts: dict[str, Verdict]) -> list[str]:
    sentences = []
    if len(comparison.seeds) == 1:
        sentences.append("With one seed nothing can be said about differences between the gaps.")
    else:
        narrower = [name for name, one in verdicts.items() if one.kind == "better"]
        wider = [name for name, one in verdicts.items() if one.kind == "worse"]
        found = len(narrower) + len(wider)
        if found:
            parts = [
                f"{word} with {_listing(names)}" for word, names in (("wider", wider), ("narrower", narrower)) if names
            ]
            how_many = "" if len(verdicts) == 1 else f" in {found} of {len(verdicts)} variants"
            sentences.append(f"The gap is distinguishable from the baseline's{how_many}: {', '.join(parts)}.")
        else:
            where = "" if len(verdicts) == 1 else f" in any of the {len(verdicts)} variants"
            sentences.append(f"No difference of the gap from the baseline's was found{where}.")
            if any(one.kind == "not distinguishable" for one in verdicts.values()):
                sentences.append("That is not to say that there is none.")
        if narrower:
            sentences.append(
                "A narrower gap by itself is no gain: a net that learns less of its training images has one, too."
            )
    rose = sum(last > lowest for runs in curves for lowest, last in loss_rises(runs))
    trainings = sum(map(len, curves))
    if rose:
        sentences.append(
            f"Validation loss ended above its lowest point in {rose} of {trainings} runs. That point is picked as the "
            "lowest of all epochs, so ending slightly above it may be chance."
        )
    if len({len(run) for runs in curves for run in runs}) > 1:
        sentences.append("Not all runs trained for the same number of epochs; each is taken after its own last one.")
    return sentences


def _sentences(figures: VariantFigures, runs: Curves, against: Verdict | None) -> list[str]:
    training = figures.remeasured
    sentences = [
        f"Training accuracy {shares_text(training)}, validation {shares_text(figures.validation_last)}: a gap of "
        f"{_gap(figures.gap)}."
    ]
    if max(figures.gap) <= 0:
        sentences.append("The net does no worse on validation than on the images it was trained on.")
    if sum(training) / len(training) >= NEAR:
        sentences.append(f"Training accuracy is near 1 ({100 * NEAR:g}\u00a0% or more): little is left to learn there.")
    else:
        sentences.append(f"Training accuracy is not near 1 (below {100 * NEAR:g}\u00a0%).")
    if against is not None and against.kind != "undecided":
        sentences.append(_against(against))
    sentences.append(_loss(runs))
    return sentences


def _against(against: Verdict) -> str:
    words = unbroken(against.words)
    if against.kind == "better":
        return f"This gap is narrower than the baseline's{words.removeprefix('better')}."
    if against.kind == "worse":
        return f"This gap is wider than the baseline's{words.removeprefix('worse')}."
    if against.kind == "equivalent":
        return f"Against the baseline's gap {words}."
    not_apart = "not distinguishable"
    return f"This gap is {not_apart} from the baseline's{words.removeprefix(not_apart)}."


def _loss(runs: Curves) -> str:
    if all(len(run) == 1 for run in runs):
        return "After one epoch only, validation loss cannot have risen yet."
    found = loss_rises(runs)
    rises = [(lowest, last) for lowest, last in found if last > lowest]
    seeds = len(found)
    if not rises:
        where = "" if seeds == 1 else f" in all {seeds} seeds"
        return f"Validation loss was lowest after the last epoch{where}."
    where = "" if seeds == 1 else f" in {len(rises)} of {seeds} seeds"
    size = sum(last - lowest for lowest, last in rises) / len(rises)
    lowest = sum(lowest for lowest, _ in rises) / len(rises)
    text = f"Validation loss rose after its best epoch{where}, by {nats(size)} nats"
    if len(rises) == 1:
        return f"{text} (from {lowest:.3f} to {lowest + size:.3f}{_when(runs)})."
    most = max(last - lowest for lowest, last in rises)
    return f"{text} on average there (from {lowest:.3f} to {lowest + size:.3f}), by {nats(most)} at most."


def _when(runs: Curves) -> str:
    """For a single run: between which epochs."""
    if len(runs) > 1:
        return ""
    (run,) = runs
    best: Epoch = min(run, key=lambda epoch: epoch.validation_loss)
    return f", epoch {best.epoch} to {run[-1].epoch}"


def _gap(gaps: Sequence[float]) -> str:
    text = f"{in_points(sum(gaps) / len(gaps))}{SPACE}points"
    return text if len(gaps) == 1 else f"{text} ({in_points(min(gaps))} to {in_points(max(gaps))})"


def _listing(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
