"""Turns and figures, with stand-ins for the processes: who is asked when, and what is made of the answers."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cnnlab.bench.contender import Contender
from cnnlab.bench.interleaved import measure_rounds, paired_ratio
from cnnlab.bench.time_to_target import chase_target, most_epochs, target_figures
from cnnlab.training.recipes import default_epochs


class Scripted:
    """Answers by name from lists, and writes down that it was asked."""

    def __init__(self, name: str, log: list[tuple[Any, ...]], **answers: list[Any]) -> None:
        self.name, self.log, self.answers = name, log, answers

    def ask(self, method: str, *args: Any) -> Any:
        self.log.append((self.name, method, *args))
        return self.answers[method].pop(0) if method in self.answers else None


def _contender(name: str, log: list[tuple[Any, ...]], **answers: list[Any]) -> Contender:
    return cast(Contender, Scripted(name, log, **answers))


def test_ratio_is_of_pairs() -> None:
    # The machine slows down by half in the middle: the ratio does not notice.
    figures = paired_ratio([1000, 500, 1000], [4000, 2100, 3900])
    assert figures.median == pytest.approx(4.0)
    assert (figures.min, figures.max) == pytest.approx((3.9, 4.2))
    with pytest.raises(ValueError, match="zip"):
        paired_ratio([1.0], [1.0, 2.0])


def test_rounds_alternate_and_the_first_is_thrown_away() -> None:
    log: list[tuple[Any, ...]] = []
    stock = _contender("stock", log, train_for=[{"images": n, "time_s": 2.0} for n in (1, 200, 220)])
    peaks = [{"peak_gflops": a, "peak_gflops_fp32": b} for a, b in ((1, 9), (5, 2), (4, 3))]
    cnnlab = _contender("cnnlab", log, train_for=[{"images": n, "time_s": 4.0} for n in (1, 1600, 1720)], peak=peaks)
    told: list[tuple[int, int]] = []
    measured = measure_rounds(stock, cnnlab, rounds=2, seconds=2.0, after_turn=lambda *turn: told.append(turn))
    assert (measured.stock, measured.cnnlab) == ((100, 110), (400, 430))
    assert (measured.peak_gflops, measured.peak_gflops_fp32) == (5, 9)
    assert [entry[:2] for entry in log] == [
        ("stock", "train_for"),
        ("cnnlab", "train_for"),
        ("cnnlab", "peak"),
    ] * 3
    assert told == [(i, 6) for i in range(1, 7)]


def test_the_chase_takes_turns_and_counts_all_that_was_tried() -> None:
    log: list[tuple[Any, ...]] = []
    stock = _contender("stock", log, train_epoch=[{"time_s": 30.0, "accuracy": a} for a in (0.98, 0.985, 0.991)])
    tries = [(5, 0.98), (8, 0.992), (6, 0.995)]
    cnnlab = _contender("cnnlab", log, train_once=[{"time_s": t, "accuracy": a} for t, a in tries])
    told: list[tuple[int, int]] = []
    stock_chases, cnnlab_chases = chase_target(
        stock,
        cnnlab,
        0.99,
        training_images=55_000,
        seeds=range(2),
        stock_seeds=range(1),
        after_turn=lambda *turn: told.append(turn),
    )
    assert log == [
        ("stock", "start", 0),
        ("stock", "train_epoch"),
        ("cnnlab", "train_once", 0.7, 0),
        ("stock", "train_epoch"),
        ("cnnlab", "train_once", 1, 0),
        ("stock", "train_epoch"),
        ("cnnlab", "train_once", 0.7, 1),
    ]
    assert [chase.time_s for chase in stock_chases] == [90.0]
    assert [attempt.time_s for attempt in stock_chases[0].attempts] == [30.0, 60.0, 90.0]
    assert [(chase.time_s, chase.attempts_time_s) for chase in cnnlab_chases] == [(8, 13), (6, 6)]
    figures = target_figures(cnnlab_chases)
    assert figures["time_to_target_s"] == 7
    assert figures["attempts_time_s"] == 9.5
    assert told[-1][0] == told[-1][1] == 10 + 2 * 7


def test_a_side_that_never_gets_there_has_no_time() -> None:
    stock = _contender("stock", [], train_epoch=[{"time_s": 1.0, "accuracy": 0.5}] * 10)
    cnnlab = _contender("cnnlab", [], train_once=[{"time_s": 1.0, "accuracy": 0.6}] * 7)
    chases = chase_target(
        stock,
        cnnlab,
        0.99,
        training_images=55_000,
        seeds=range(1),
        stock_seeds=range(1),
        after_turn=lambda *_: None,
    )
    for side, accuracy in zip(chases, (0.5, 0.6), strict=True):
        figures = target_figures(side)
        assert figures["time_to_target_s"] is None
        assert figures["time_to_target_s_min"] is None
        assert figures["seeds_that_reached_it"] == 0
        assert figures["best_accuracy"] == accuracy


def test_small_sets_get_more_epochs() -> None:
    assert most_epochs(55_000) == 10
    assert most_epochs(4_000) == default_epochs(4_000) > 10
