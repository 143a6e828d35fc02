from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
import torch

from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.experiments.compare import contestants
from cnnlab.experiments.engines import InProcess
from cnnlab.experiments.samplers import Grid
from cnnlab.experiments.space import point_variants, read_space
from cnnlab.experiments.statistics import MeanDifference
from cnnlab.experiments.sweep import Sweep, conclude, search_points
from cnnlab.experiments.trainer import Trainer
from cnnlab.numbers import short_count
from cnnlab.report.sweep.page import sweep_page
from cnnlab.report.sweep.words import optimism_words, pruning_words, verdict_words
from cnnlab.runs.plan import Plan

HOSTILE = "<script>alert(1)</script>"


@dataclass(frozen=True)
class Small:
    """A real sweep, and the links to its runs."""

    sweep: Sweep
    links: dict[Path, str]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Two points that learn, one that hardly does and is pruned, one that diverges."""
    settings = ["learning-rate=3e-3", "1e-3", "1e-7", "1e30", "hidden=16"]
    base, fields = read_space(Plan(net=NetSpec(name="mlp"), data="mnist-5k@120", epochs=2), settings)
    trainer = Trainer(tmp_path_factory.mktemp("sweep") / "runs", InProcess())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        standings = search_points(
            contestants(base, point_variants(fields), range(3), cache(load)), Grid(fields), trainer, prune=True
        )
        sweep = conclude(base, standings, trainer, prune=True)
    finally:
        torch.set_num_threads(threads)
    runs = [run for point in sweep.points for run in point.runs]
    runs += [run for figures in sweep.final.variants for run in figures.runs]
    return Small(sweep, {run.path: f"runs/{run.path.name}/report.html" for run in runs})


def page_of(sweep: Sweep, small: Small) -> str:
    return sweep_page(sweep, links=small.links)


def test_the_table_holds_every_points_figures(small: Small, read: Callable[[str], Any]) -> None:
    page = read(page_of(small.sweep, small))
    _, *rows = page.tables["All points"]
    assert [row[1].split() for row in rows] == [
        ["learning-rate=3e-3"],
        ["learning-rate=1e-3"],
        ["learning-rate=1e-7", "pruned"],
        ["learning-rate=1e30", "diverged"],
    ]
    parameters = 784 * 16 + 16 + 16 * 10 + 10
    for number, (row, point) in enumerate(zip(rows, small.sweep.points, strict=True), start=1):
        assert row[0] == str(number)
        assert row[4:6] == [f"{parameters:,}", f"{784 * 16 + 16 * 10:,}"]
        if point.end == "diverged":
            assert row[2:4] == ["–", "–"]
            assert row[6:] == ["–", ""]
        else:
            found = [run.result().validation.accuracy for run in point.runs]
            assert row[2:4] == [f"{100 * mean(found):.2f} %", f"{100 * stdev(found):.2f}"]
            assert row[7].split() == " ".join(f"seed {seed}" for seed in range(len(found))).split()


def test_the_winner_is_told_by_its_fresh_runs_alone(small: Small, read: Callable[[str], Any]) -> None:
    page = read(page_of(small.sweep, small))
    fresh = [run.result() for run in small.sweep.winner.runs]
    assert [run.config.seed for run in small.sweep.winner.runs] == [3, 4, 5]
    test = [result.test.accuracy for result in fresh]
    text = " ".join(page.text.split())
    assert f"{100 * mean(test):.2f} % test accuracy, mean of 3 runs on seeds that chose nothing" in text
    assert f"{100 * stdev(test):.2f} pointsstandard deviation of these 3 runs" in text
    assert f"{100 * (mean(test) * (1 - mean(test)) / 500) ** 0.5:.2f} pointswhat 500 test images leave open" in text
    _, winner, runner_up = page.tables["The winner and the runner-up on fresh seeds"]
    assert winner[0].split() == ["learning-rate=3e-3", "winner"]
    assert winner[1] == f"{100 * mean(test):.2f} %"
    assert winner[4].split() == ["seed", "3", "seed", "4", "seed", "5"]
    assert runner_up[0].split() == ["learning-rate=1e-3", "runner-up"]
    assert small.sweep.winner.verdict is not None
    assert small.sweep.winner.verdict.words in text


def test_every_run_is_linked_and_nothing_else(small: Small, read: Callable[[str], Any]) -> None:
    page = read(page_of(small.sweep, small))
    links = [link for link in page.attributes("href") if not link.startswith("#")]
    assert sorted(links) == sorted(small.links.values())
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.attributes("href") if link.startswith("#")} <= set(ids)


def test_the_charts_say_their_front_to_who_cannot_see_it(small: Small, read: Callable[[str], Any]) -> None:
    labels = [label for label in read(page_of(small.sweep, small)).attributes("aria-label") if "The front" in label]
    assert len(labels) == 3
    # All four nets are of one size, so the most accurate point is the whole front of both counts.
    best = small.sweep.points[0]
    for label in labels[:2]:
        assert label.endswith(
            f"from cheap to dear: {best.name}: {100 * mean(best.validation):.2f}\u00a0% at 12.7\u00a0k."
        )
    assert all("1e30" not in label for label in labels)


def test_a_point_far_behind_is_said_to_lie_below_the_chart(small: Small) -> None:
    good, fair, pruned, _ = small.sweep.points
    good, fair = replace(good, validation=(0.95, 0.96, 0.95)), replace(fair, validation=(0.94, 0.95, 0.94))
    pruned = replace(pruned, front=())  # whichever point happened to train quickest lies on the front of times
    near, far = replace(pruned, validation=(0.945, 0.94)), replace(pruned, validation=(0.2, 0.1))
    says = "A triangle is a point that lies below the chart"
    assert says in page_of(replace(small.sweep, points=(good, fair, far)), small)
    assert says not in page_of(replace(small.sweep, points=(good, fair, near)), small)


def test_names_are_text(small: Small) -> None:
    points = tuple(replace(point, name=HOSTILE + point.name) for point in small.sweep.points)
    page = page_of(replace(small.sweep, points=points), small)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_same_sweep_gives_the_same_page(small: Small) -> None:
    assert page_of(small.sweep, small) == page_of(small.sweep, small)


@pytest.mark.parametrize(
    ("optimism", "says"),
    [
        (MeanDifference(0.012, 0.004, 0.02), "1.20 points less [0.40, 2.00], part of its win was luck with the seeds"),
        (MeanDifference(0.001, -0.01, 0.012), "0.10 points less [−1.00, 1.20], not distinguishable from no luck"),
        (MeanDifference(-0.012, -0.02, -0.004), "1.20 points more [0.40, 2.00], the search had seen it at less"),
        (MeanDifference(-0.012, None, None), "1.20 points more, "),
    ],
)
def test_luck_is_said_with_its_interval(small: Small, optimism: MeanDifference, says: str) -> None:
    assert says in optimism_words(replace(small.sweep, optimism=optimism))


def test_without_a_runner_up_there_is_no_comparison(small: Small) -> None:
    final = replace(small.sweep.final, variants=small.sweep.final.variants[-1:])
    assert "no runner-up" in verdict_words(replace(small.sweep, final=final))
    assert "runner-up</span>" not in page_of(replace(small.sweep, final=final), small)


def test_pruning_is_told_with_its_rule_and_what_it_left_out(small: Small) -> None:
    words = pruning_words(small.sweep)
    assert "500 validation images" in words
    assert "That far behind: 1 of 4 points. Trainings that this saved: 1; made: 8." in words
    assert "Pruning was off" in pruning_words(replace(small.sweep, is_pruned=False))
    assert "fewer than 3 seeds" in pruning_words(replace(small.sweep, seeds=(0, 1)))


@pytest.mark.parametrize(
    ("number", "says"),
    [(10, "10"), (999, "999"), (421_834, "422 k"), (999_999, "1 M"), (3_870_016, "3.87 M"), (2.5e9, "2.5 G")],
)
def test_counts_have_three_digits(number: int, says: str) -> None:
    assert short_count(number).replace("\u00a0", " ") == says


def test_more_points_than_numbers(small: Small) -> None:
    first = small.sweep.points[0]
    many = tuple(
        replace(first, name=f"point={i}", macs=1000 + i, parameters=2000 - i, front=("macs",) if i == 0 else ())
        for i in range(30)
    )
    page = page_of(replace(small.sweep, points=(first, *many)), small)
    assert "Where points have numbers" in page
    assert not re.search(r">\s*25\s*</text>", page)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_opens_quietly_and_fits(browser: Any, small: Small, tmp_path: Path, width: int, scheme: str) -> None:
    path = tmp_path / "index.html"
    path.write_text(page_of(small.sweep, small))
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert said == []
    page.close()
