"""Each arm of a claim at its own best learning rate, and never chosen on the very figure that is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean


def best_rates(
    accuracies: Mapping[float, Sequence[float]], losses: Mapping[float, Sequence[float]] | None = None
) -> tuple[float, ...]:
    """Choose a learning rate for every seed by what the other seeds came to on validation; one seed by itself.

    accuracies: rate → validation accuracy (0–1) of every seed, in the same order at every rate; at a rate that did not
    train, 0. losses: likewise in nats, infinite where it did not train; between rates of equal mean accuracy the lower
    mean loss decides, then the smaller rate.

    Raises ValueError for no rates, no seeds, or rates with different numbers of seeds.
    """
    numbers = {len(of_rate) for of_rate in (*accuracies.values(), *(losses or {}).values())}
    if len(numbers) != 1 or 0 in numbers:
        raise ValueError(f"as many seeds at every rate, at least one, not {sorted(numbers)}")
    n = numbers.pop()

    def choose(seeds: Sequence[int]) -> float:
        def worth(rate: float) -> tuple[float, float, float]:
            loss = 0.0 if losses is None else mean(losses[rate][seed] for seed in seeds)
            return mean(accuracies[rate][seed] for seed in seeds), -loss, -rate

        return max(accuracies, key=worth)

    return tuple(choose([other for other in range(n) if other != seed] or [seed]) for seed in range(n))
