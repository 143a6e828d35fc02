"""The claims whose verdict hangs on a difference over seeds, taken as the one family of tests that they are."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from statistics import mean

from cnnlab.claims.entry import ClaimEntry, Corrected, DifferenceEntry
from cnnlab.experiments.statistics import Difference, holm_levels

#: Their ids. Nine tests at 5 % each raise a false alarm in one round of three.
FAMILY = (
    "locality-matters",
    "pooling-invariance",
    "early-edges",
    "small-data-overfits",
    "dropout-regularises",
    "batchnorm-speed",
    "batchnorm-lr",
    "batchnorm-regularises",
    "cnn-beats-dense",
)


def corrected_intervals(entries: Mapping[str, ClaimEntry]) -> dict[str, Corrected]:
    """The interval of each claim of the family at the level that Holm's correction gives it, by id.

    entries: of claims.json, as far as a round has come. Claims of the family that are missing count as tests, too, so
    that a claim measured alone is not judged more mildly than in a round. One seed has no interval.
    """
    given = {name: entries[name].difference for name in FAMILY if name in entries}
    differences = {name: difference for name, difference in given.items() if difference is not None}
    levels = holm_levels([one.p for one in differences.values()], comparisons=len(FAMILY))
    return {
        name: Corrected(of=len(FAMILY), level=level, interval=_interval(entries[name], difference, level))
        for (name, difference), level in zip(differences.items(), levels, strict=True)
    }


def _interval(entry: ClaimEntry, difference: DifferenceEntry, level: float) -> tuple[float, float] | None:
    deviation = difference.standard_deviation
    if deviation is None:
        return None
    values = [log10(one) if entry.is_ratio else one for one in entry.by_seed]
    plain = Difference(tuple(values), mean(values), None, None, deviation, None, level).at(level)
    assert plain.low is not None
    assert plain.high is not None
    return (10**plain.low, 10**plain.high) if entry.is_ratio else (plain.low, plain.high)
