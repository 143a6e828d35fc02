"""The page of a comparison: variants against a baseline on matched seeds, as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cnnlab.experiments.compare import Comparison, VariantFigures
from cnnlab.experiments.statistics import sampling_error
from cnnlab.numbers import in_points, p_text, plain, points, seeds_text, unbroken
from cnnlab.report.back import Back
from cnnlab.report.comparison.curves import comparison_curves
from cnnlab.report.comparison.forest import forest_plot
from cnnlab.report.comparison.overfitting import overfitting
from cnnlab.report.comparison.two_by_two import design_figure
from cnnlab.report.pages import render

#: A verdict's words, after what they say of the variant's test accuracy.
_SAYS = {
    "better": "is",
    "worse": "is",
    "equivalent": "shows",
    "not distinguishable": "is",
    "undecided": "cannot be told apart from the baseline yet:",
}


@dataclass(frozen=True)
class _Row:
    """A variant as the tables show it. deviation, error: in points, as text."""

    figures: VariantFigures
    changes: list[str]
    summary: str
    deviation: str
    error: str
    validation: float
    gap: str
    train_time_s: float
    difference: str
    p: str
    adjusted_p: str
    runs: list[tuple[str, str]]


def comparison_page(comparison: Comparison, *, links: Mapping[str, Sequence[str]], back: Back | None = None) -> str:
    """The page of finished variants, as HTML that loads nothing from elsewhere.

    links: variant name → for every seed, in the comparison's order, where that run's report lies from the page. back:
    to the lesson that leads here, if one does. The same comparison gives the same page, byte for byte.

    Raises KeyError for a variant without links, ValueError where it has more or fewer links than there are seeds.
    """
    curves = [one.curves for one in comparison.variants]
    rows = [_row(comparison, one, links[one.variant.name]) for one in comparison.variants]
    first = comparison.baseline.runs[0].config
    drawn = comparison_curves(comparison, curves)
    compared = rows[1:]
    return render(
        "comparison/page.html",
        back=back,
        plan=comparison.baseline.plan,
        config=first,
        seeds=seeds_text(comparison.seeds),
        seed_count=len(comparison.seeds),
        test_images=comparison.test_images,
        warnings=comparison.warnings,
        environments=comparison.environments,
        rows=rows,
        compared=compared,
        design=None if comparison.two_by_two is None else design_figure(comparison, comparison.two_by_two),
        outcome=_outcome(compared),
        only_uncorrected=[row.figures.variant.name for row in compared if _only_uncorrected(row.figures)],
        forest=forest_plot(comparison),
        curves=drawn,
        epochs=(min(one.epochs[0] for one in drawn), max(one.epochs[1] for one in drawn)),
        seeds_stop_apart=any(one.epochs[0] != one.epochs[1] for one in drawn),
        ends_in_part=any(run[-1].steps < run[0].steps for runs in curves for run in runs),
        remeasured_images=sorted({run[-1].remeasured_images for runs in curves for run in runs}),
        overfitting=overfitting(comparison, curves),
    )


def _row(comparison: Comparison, figures: VariantFigures, links: Sequence[str]) -> _Row:
    spread, difference = figures.test_spread, figures.difference
    deviation = spread.standard_deviation
    return _Row(
        figures=figures,
        changes=changes(comparison.baseline, figures),
        summary=_says(figures),
        deviation="–" if deviation is None else f"{100 * deviation:.2f}",
        error=f"{100 * sampling_error(spread.mean, comparison.test_images):.2f}",
        validation=sum(figures.validation) / len(figures.validation),
        gap=in_points(sum(figures.gap) / len(figures.gap)),
        train_time_s=sum(figures.train_time_s) / len(figures.train_time_s),
        difference="" if difference is None else points(difference),
        p=p_text(None if difference is None else difference.p),
        adjusted_p=p_text(figures.adjusted_p),
        # Quoted: a link can only ever be a path below this page, whatever a run's folder is called.
        runs=[(f"seed {seed}", quote(link)) for seed, link in zip(comparison.seeds, links, strict=True)],
    )


def _says(figures: VariantFigures) -> str:
    if figures.verdict is None:
        return ""
    return f"{_SAYS[figures.verdict.kind]} {unbroken(figures.verdict.words)}."


def _outcome(compared: Sequence[_Row]) -> str:
    """How many variants came to which verdict."""
    words = {
        "better": "better",
        "worse": "worse",
        "equivalent": "without a difference that matters",
        "not distinguishable": "not distinguishable",
        "undecided": "undecided",
    }
    kinds = [row.figures.verdict.kind for row in compared if row.figures.verdict is not None]
    return ", ".join(f"{kinds.count(kind)} {says}" for kind, says in words.items() if kind in kinds)


def _only_uncorrected(figures: VariantFigures) -> bool:
    """Whether the interval leaves out 0 and the verdict, corrected for all comparisons, still finds nothing."""
    difference = figures.difference
    if difference is None or difference.low is None or difference.high is None or figures.verdict is None:
        return False
    return figures.verdict.kind == "not distinguishable" and not difference.low <= 0 <= difference.high


def changes(baseline: VariantFigures, variant: VariantFigures) -> list[str]:
    """What a variant's runs differ in from the baseline's, as `weight decay 0 → 0.0005`; read off their configs."""
    old, new = baseline.runs[0].config, variant.runs[0].config
    found: list[tuple[str, Any, Any]] = [
        ("net", baseline.plan.as_family().net.name, variant.plan.as_family().net.name),
        ("data", old.data.name, new.data.name),
        ("recipe", old.recipe, new.recipe),
    ]
    options = old.net.options, new.net.options
    found += [
        (name, options[0].get(name, _DEFAULT), options[1].get(name, _DEFAULT)) for name in options[0] | options[1]
    ]
    if old.recipe == new.recipe:
        before, after = (
            one.model_dump(exclude={"augmentation"}) | one.augmentation.model_dump()
            for one in (old.training, new.training)
        )
        found += [(name, before[name], after[name]) for name in before]
    else:  # What else differs is what the recipes are; only the number of epochs is no part of them.
        found.append(("epochs", old.training.epochs, new.training.epochs))
    return [
        f"{name.replace('_', ' ')} {plain(after) if before is _DEFAULT else f'{plain(before)} → {plain(after)}'}"
        for name, before, after in found
        if before != after
    ]


class _Default:
    """Stands for an option that is left to the net."""

    def __str__(self) -> str:
        return "the net's own"


_DEFAULT = _Default()
