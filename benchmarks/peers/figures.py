"""From what peers printed to figures: medians, ratios by turns, and where cnnlab is behind. No clock, no process.

A peer's `turns` hold a round each: `images_per_s`, `first_step_s`, the same by processor time, `peak_bytes`, and
`held_up`, the share of the time of its `start` and of its `rate` in which others had the cores: more than HELD_UP, and
that time does not count; processor time does. Its `trainings` hold a seed each: `first_epoch_s`, None where its first
epoch was not over in time, and `attempts`, each with `epochs`, `time_s` and `accuracy`; `ended` says why it went no
further (`target`, `epochs` or `seconds`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, isinf
from statistics import median, median_low
from typing import Any

#: Share of a turn's time (0–1) in which others may have had the cores.
HELD_UP = 0.1

#: Test accuracies (0–1) that are trained to.
TARGETS = (0.985, 0.99, 0.992, 0.994)

#: Whose rows these are: all others are held to it.
OURS = "cnnlab fast"

#: Names of what is cnnlab's, which is not told of as being ahead of itself.
CNNLAB = ("cnnlab fast", "cnnlab lesson")


def time_to(target: float, training: Mapping[str, Any]) -> float:
    """Seconds of training to a test accuracy: the shortest that was measured at it or above; infinite where none was.

    Nothing is read in between two measurements.
    """
    return min((each["time_s"] for each in training["attempts"] if each["accuracy"] >= target), default=inf)


def rows_of(peers: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The table's rows: a figure of each peer with its median and spread, and how far cnnlab is ahead or behind.

    A row has `name`, `unit`, `more_is_better`; `peers`: name → `values` (None: never), `median` (None: never), `n`;
    `ratios`: peer → how many times as good cnnlab is, the median of the rounds' own (None: the peer never got there);
    `behind`: those peers that are better, with how many times (None: cnnlab never got there), the best first; `level`:
    those that are as good, as where neither got there. Who has not been measured is left out.
    """
    rows = [
        _row("rate of training", "images/s", _of_turns(peers, "images_per_s", "rate"), more_is_better=True),
        _row(
            "rate by processor time", "images/s", _of_turns(peers, "images_per_processor_s", None), more_is_better=True
        ),
        _row("from the command to the first step", "s", _of_turns(peers, "first_step_s", "start")),
        _row("processor time to the first step", "s", _of_turns(peers, "first_step_processor_s", None)),
        _row(
            "from the command to the end of the first epoch",
            "s",
            _of_trainings(peers, lambda each: inf if each["first_epoch_s"] is None else each["first_epoch_s"]),
        ),
        _row("peak memory in training", "bytes", _of_turns(peers, "peak_bytes", None)),
    ]
    for target in TARGETS:
        name = f"training time to {100 * target:.1f} % test accuracy"
        rows.append(_row(name, "s", _of_trainings(peers, lambda each, target=target: time_to(target, each))))
    return [row for row in rows if row["peers"]]


def _of_turns(peers: Mapping[str, Any], figure: str, part: str | None) -> dict[str, dict[int, float]]:
    """Peer → round → figure, of the rounds that count."""
    return {
        peer: {
            number: turn[figure]
            for number, turn in enumerate(found["turns"])
            if part is None or turn["held_up"][part] <= HELD_UP
        }
        for peer, found in peers.items()
    }


def _of_trainings(peers: Mapping[str, Any], figure: Callable[[Any], float]) -> dict[str, dict[int, float]]:
    """Peer → seed → figure."""
    return {peer: {each["seed"]: figure(each) for each in found["trainings"]} for peer, found in peers.items()}


def _row(
    name: str, unit: str, of: Mapping[str, Mapping[int, float]], *, more_is_better: bool = False
) -> dict[str, Any]:
    values = {peer: found for peer, found in of.items() if found}
    row: dict[str, Any] = {
        "name": name,
        "unit": unit,
        "more_is_better": more_is_better,
        "peers": {
            peer: {
                "values": [_finite(each) for each in found.values()],
                "median": _finite(median(found.values())),
                "n": len(found),
            }
            for peer, found in values.items()
        },
    }
    if OURS not in values:
        return row | {"ratios": {}, "behind": [], "level": []}
    ratios = {
        peer: how_much_better(values[OURS], found, more_is_better=more_is_better)
        for peer, found in values.items()
        if peer != OURS
    }
    behind = sorted((ratio, peer) for peer, ratio in ratios.items() if ratio < 1 and peer not in CNNLAB)
    return row | {
        "ratios": {peer: _finite(ratio) for peer, ratio in ratios.items()},
        "behind": [{"peer": peer, "times": 1 / ratio if ratio else None} for ratio, peer in behind],
        "level": [peer for peer, ratio in ratios.items() if ratio == 1 and peer not in CNNLAB],
    }


def how_much_better(ours: Mapping[int, float], theirs: Mapping[int, float], *, more_is_better: bool) -> float:
    """How many times as good ours is, by round: the median of the ratios of the rounds that both have.

    Where they have none in common, of the medians. Infinite where they never get there, 0 where ours does not and they
    do, 1 where neither does. Between two rounds of which one is infinite, the other.
    """
    both = [(ours[number], theirs[number]) for number in ours if number in theirs]
    pairs = both or [(median(ours.values()), median(theirs.values()))]
    ratios = [_better(one, other, more_is_better=more_is_better) for one, other in pairs]
    return median_low(ratios) if isinf(median(ratios)) else median(ratios)


def _better(one: float, other: float, *, more_is_better: bool) -> float:
    if more_is_better:
        return one / other
    if isinf(one):
        return 1.0 if isinf(other) else 0.0
    return other / one


def _finite(value: float) -> float | None:
    return None if isinf(value) else value


def behind_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line: in which rows cnnlab is behind which peer, and by how much, or that it is ahead in all."""
    parts = []
    for row in rows:
        said = [
            f"behind {each['peer']}" + (f" by {each['times']:.2f} ×" if each["times"] else ", which alone got there")
            for each in row["behind"]
        ] + [f"level with {peer}" for peer in row["level"]]
        parts += [f"{row['name']}: {', '.join(said)}"] if said else []
    peers = {peer for row in rows for peer in row["peers"] if peer not in CNNLAB}
    if parts:
        return f"Where {OURS} is not ahead: {'; '.join(parts)}."
    if all(peers <= set(row["peers"]) for row in rows):
        return f"{OURS} is ahead of all {len(peers)} peers in all {len(rows)} rows."
    return f"{OURS} is ahead of each of {len(peers)} peers in all rows that it was measured for."
