"""The page of a sweep: the winner on fresh seeds, accuracy against costs, every point with its runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cnnlab.experiments.sweep import COSTS, Point, Sweep
from cnnlab.numbers import seeds_text, unbroken
from cnnlab.report.pages import render
from cnnlab.report.sweep import words as sweep_words
from cnnlab.report.sweep.chart import NUMBERED, accuracies, cost_chart
from cnnlab.runs import Run

_CAPTIONS = {"parameters": "Parameters", "macs": "Multiply-adds", "train_time_s": "Training time"}


@dataclass(frozen=True)
class _Row:
    """A point as the table shows it. deviation: in points, as text. runs: what a link says and where it leads."""

    point: Point
    deviation: str
    runs: list[tuple[str, str]]


def sweep_page(sweep: Sweep, *, links: Mapping[Path, str]) -> str:
    """The page of a finished sweep, as HTML that loads nothing from elsewhere.

    links: run folder → where that run's report lies from the page. The same sweep gives the same page, byte for byte.

    Raises KeyError for a run without a link.
    """
    finals = [figures for figures in (sweep.winner, sweep.runner_up) if figures is not None]
    lowest, _ = accuracies([point for point in sweep.points if point.end != "diverged"])
    return render(
        "sweep/page.html",
        sweep=sweep,
        rows=[_row(point, links) for point in sweep.points],
        charts=[(_CAPTIONS[cost], cost_chart(sweep.points, cost)) for cost in COSTS],
        is_numbered=sum(point.end != "diverged" for point in sweep.points) <= NUMBERED,
        finals=[(figures, _runs(figures.runs, links)) for figures in finals],
        seeds=seeds_text(sweep.seeds),
        fresh_seeds=seeds_text(sweep.final.seeds),
        plan=sweep_words.plan_words(sweep),
        optimism=unbroken(sweep_words.optimism_words(sweep)),
        test=unbroken(sweep_words.test_words(sweep)),
        verdict=unbroken(sweep_words.verdict_words(sweep)),
        pruning=sweep_words.pruning_words(sweep),
        has_low=any(one.spread is not None and one.spread.mean < lowest for one in sweep.points),
        has_pruned=any(point.end == "pruned" for point in sweep.points),
        search_time_s=_time(run for point in sweep.points for run in point.runs),
        pruned_time_s=_time(run for point in sweep.points if point.end == "pruned" for run in point.runs),
        fresh_time_s=_time(run for figures in sweep.final.variants for run in figures.runs),
        diverged=[point.name for point in sweep.points if point.end == "diverged"],
    )


def _row(point: Point, links: Mapping[Path, str]) -> _Row:
    deviation = None if point.spread is None else point.spread.standard_deviation
    return _Row(
        point=point,
        deviation="–" if deviation is None else f"{100 * deviation:.2f}",
        runs=_runs(point.runs, links),
    )


def _runs(runs: Sequence[Run], links: Mapping[Path, str]) -> list[tuple[str, str]]:
    # Quoted: a link can only ever be a path below this page, whatever a run's folder is called.
    return [(f"seed\u00a0{run.config.seed}", quote(links[run.path])) for run in runs]


def _time(runs: Iterable[Run]) -> float:
    return sum(run.result().train_time_s for run in runs)
