"""How long each side trains until it reaches a test accuracy.

The boundary is the same on both sides: training steps with all that makes their batches. Process start, loading the
data set and every evaluation are left out; so is drawing an epoch's order on cnnlab's side, a few milliseconds.

- Stock: its constant learning rate needs no plan, so it trains on and is measured on the test split after every epoch.
- cnnlab: its schedule must know its length beforehand. Lengths are tried in ascending order, each a training of its own
  from the same seed, until one reaches the target. Its time is `time_s`; that of all trainings tried, as somebody pays
  who does not know the length, is `attempts_time_s`.

Looking at the test split after each attempt is a choice made on it: fit for a race to a stated line, not for a claim
about accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from math import inf, isinf
from statistics import median
from typing import Any

from cnnlab.bench.contender import Contender
from cnnlab.training.recipes import default_epochs

#: Lengths of cnnlab's schedule that are tried, in epochs.
BUDGETS = (0.7, 1, 2, 3, 5, 7, 10, 15, 20, 30)

#: Both sides give up after this many epochs, or after the recipe's own number where that is larger.
MOST_EPOCHS = 10


@dataclass(frozen=True)
class Attempt:
    """A measurement: the test accuracy (0–1) after `epochs` of training that took `time_s`."""

    epochs: float
    time_s: float
    accuracy: float


@dataclass(frozen=True)
class Chase:
    """One seed's way to the target.

    time_s: of the training that reached it; None when none did. attempts_time_s: of everything that was trained.
    """

    seed: int
    time_s: float | None
    attempts_time_s: float
    attempts: tuple[Attempt, ...]


#: Yields after each turn that is not the last, and returns what became of every seed.
Turns = Generator[None, None, list[Chase]]


def stock_turns(stock: Contender, target: float, *, seeds: Sequence[int], most_epochs: int) -> Turns:
    """Train the stock pipeline an epoch a turn, each seed until it reaches the target or the cap."""
    chases = []
    for seed in seeds:
        stock.ask("start", seed)
        attempts: list[Attempt] = []
        while len(attempts) < most_epochs and not (attempts and attempts[-1].accuracy >= target):
            result = stock.ask("train_epoch")
            before_s = attempts[-1].time_s if attempts else 0.0
            attempts.append(Attempt(len(attempts) + 1, before_s + result["time_s"], result["accuracy"]))
            yield
        last = attempts[-1]
        chases.append(Chase(seed, last.time_s if last.accuracy >= target else None, last.time_s, tuple(attempts)))
    return chases


def cnnlab_turns(cnnlab: Contender, target: float, *, seeds: Sequence[int], budgets: Sequence[float]) -> Turns:
    """Train the recipe for one budget (in epochs) a turn, each seed until a budget reaches the target."""
    chases = []
    for seed in seeds:
        attempts: list[Attempt] = []
        for budget in budgets:
            result = cnnlab.ask("train_once", budget, seed)
            attempts.append(Attempt(budget, result["time_s"], result["accuracy"]))
            yield
            if result["accuracy"] >= target:
                break
        last = attempts[-1]
        chases.append(
            Chase(
                seed,
                last.time_s if last.accuracy >= target else None,
                sum(attempt.time_s for attempt in attempts),
                tuple(attempts),
            )
        )
    return chases


def chase_target(
    stock: Contender,
    cnnlab: Contender,
    target: float,
    *,
    training_images: int,
    seeds: Sequence[int],
    stock_seeds: Sequence[int],
    after_turn: Callable[[int, int], None],
) -> tuple[list[Chase], list[Chase]]:
    """Let both sides train to the target, a turn each until one is done; the other then goes on alone.

    target: test accuracy, 0–1. after_turn: called as (turns done, most turns there can be), at the end with both alike.
    Returns stock's chases and cnnlab's, one a seed.
    """
    cap = most_epochs(training_images)
    budgets = [budget for budget in BUDGETS if budget <= cap]
    running: dict[str, Turns] = {
        "stock": stock_turns(stock, target, seeds=stock_seeds, most_epochs=cap),
        "cnnlab": cnnlab_turns(cnnlab, target, seeds=seeds, budgets=budgets),
    }
    finished: dict[str, list[Chase]] = {}
    done, most = 0, cap * len(stock_seeds) + len(budgets) * len(seeds)
    while running:
        for name, turns in list(running.items()):
            try:
                next(turns)
                done += 1
                after_turn(done, most)
            except StopIteration as stop:
                finished[name] = stop.value
                del running[name]
    after_turn(most, most)
    return finished["stock"], finished["cnnlab"]


def most_epochs(training_images: int) -> int:
    """Where both sides give up, in epochs."""
    return max(MOST_EPOCHS, default_epochs(training_images))


def target_figures(chases: Sequence[Chase]) -> dict[str, Any]:
    """One side's figures: times in seconds, over its seeds; a seed that never got there counts as the longest.

    `time_to_target_s`, `_min`, `_max`: None where that is "never". `attempts_time_s`: the median.
    """
    times = sorted(chase.time_s if chase.time_s is not None else inf for chase in chases)
    middle = median(times)
    return {
        "time_to_target_s": None if isinf(middle) else middle,
        "time_to_target_s_min": None if isinf(times[0]) else times[0],
        "time_to_target_s_max": None if isinf(times[-1]) else times[-1],
        "attempts_time_s": median(chase.attempts_time_s for chase in chases),
        "seeds": len(chases),
        "seeds_that_reached_it": sum(chase.time_s is not None for chase in chases),
        "best_accuracy": max(attempt.accuracy for chase in chases for attempt in chase.attempts),
    }
