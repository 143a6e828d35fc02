"""Two pipelines in turn, so that a machine which slows down slows both: trust the ratio, not the two figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from cnnlab.bench.contender import Contender


@dataclass(frozen=True)
class MedianAndRange:
    """Median, smallest and largest of several measurements."""

    median: float
    min: float
    max: float


@dataclass(frozen=True)
class Rounds:
    """What each counted round gave. stock, cnnlab: images/s; peak_gflops, peak_gflops_fp32: the best of all rounds."""

    stock: tuple[float, ...]
    cnnlab: tuple[float, ...]
    peak_gflops: float
    peak_gflops_fp32: float


def measure_rounds(
    stock: Contender,
    cnnlab: Contender,
    *,
    rounds: int,
    seconds: float,
    after_turn: Callable[[int, int], None],
) -> Rounds:
    """Stock, cnnlab, stock, cnnlab … `seconds` each; the first round warms up and is thrown away.

    After each of its turns cnnlab's process also multiplies matrices, so that the peak belongs to the same minutes.
    after_turn: called as (turns done, turns in all).
    """
    rates: dict[Contender, list[float]] = {stock: [], cnnlab: []}
    peaks: list[dict[str, float]] = []
    total = 2 * (rounds + 1)
    for turn in range(total):
        contender = (stock, cnnlab)[turn % 2]
        result = contender.ask("train_for", seconds)
        rates[contender].append(result["images"] / result["time_s"])
        if contender is cnnlab:
            peaks.append(contender.ask("peak"))
        after_turn(turn + 1, total)
    return Rounds(
        stock=tuple(rates[stock][1:]),
        cnnlab=tuple(rates[cnnlab][1:]),
        peak_gflops=max(peak["peak_gflops"] for peak in peaks),
        peak_gflops_fp32=max(peak["peak_gflops_fp32"] for peak in peaks),
    )


def median_and_range(values: Sequence[float]) -> MedianAndRange:
    """Median, smallest and largest of at least one value."""
    return MedianAndRange(median(values), min(values), max(values))


def paired_ratio(stock: Sequence[float], cnnlab: Sequence[float]) -> MedianAndRange:
    """cnnlab ÷ stock within each round, then over the rounds: a drift that hits both sides of a round cancels."""
    return median_and_range([b / a for a, b in zip(stock, cnnlab, strict=True)])
