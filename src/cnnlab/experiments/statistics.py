"""What a handful of matched seeds can say: spread, paired difference, correction, 2×2 effects.

A value here is one seed's measure, most often an accuracy (0–1). Values are matched by position: the i-th of every
variant comes from the same seed, and every seed is measured on the same test images. Samples are a handful, so the
standard library's exact means and deviations serve: equal values have exactly no spread.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import mean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# numpy and scipy.special are imported where they are used: they cost half a second, and scipy.stats one more.

#: Seeds beyond which nobody wants to know how many it would take.
MANY = 1000


@dataclass(frozen=True)
class Spread:
    """One variant over its seeds, in the measure's own unit; standard_deviation: with n − 1, None for one seed."""

    mean: float
    standard_deviation: float | None
    lowest: float
    highest: float
    n: int


@dataclass(frozen=True)
class Difference:
    """A paired difference (variant minus baseline) or a contrast of several variants, in the measure's own unit.

    differences: one a seed. standard_deviation: of these over seeds (n − 1), not below what rounding alone gives. low,
    high: the interval of Student's t at `level` (0–1) for the mean. p: two-sided, 0–1. One seed has none of these four.
    """

    differences: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None
    standard_deviation: float | None
    p: float | None
    level: float

    @property
    def n(self) -> int:
        """The number of seeds."""
        return len(self.differences)

    def at(self, level: float) -> Difference:
        """Give the same difference with its interval at another level (0–1), as a family of comparisons needs it.

        See `holm_levels`. Raises ValueError for a level out of range.
        """
        _within("level", level)
        if self.standard_deviation is None:
            return replace(self, level=level)
        reach = _reach(self.standard_deviation, self.n, level)
        return replace(self, low=self.mean - reach, high=self.mean + reach, level=level)


@dataclass(frozen=True)
class MeanDifference:
    """A difference of two means, in the measure's own unit, with its interval; low, high: None where there is none."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class FactorialEffects:
    """What a 2×2 design says: two main effects and their interaction, in the measure's own unit.

    a: A on minus A off, averaged over B; b likewise; interaction: what A does with B on, minus what it does with B off.
    """

    a: Difference
    b: Difference
    interaction: Difference


def spread(values: Sequence[float]) -> Spread:
    """Describe one variant by its seeds; values: one a seed, any unit.

    This is how much training again changes the figure on these test images. How much other test images would change it
    is another thing: `sampling_error`.

    Raises ValueError for no values or one that is not finite.
    """
    values = _finite(values)
    deviation = stdev(values) if len(values) > 1 else None
    return Spread(mean(values), deviation, min(values), max(values), len(values))


def sampling_error(accuracy: float, images: int) -> float:
    """Compute the standard error (0–0.5) of an accuracy (0–1) that comes from the test set being a sample of `images`.

    √(accuracy · (1 − accuracy) / images), the binomial's. It is 0 at accuracies of 0 and 1, where it misleads: an
    interval comes from `cnnlab.evaluation.wilson_interval`.

    Not to be mixed up with the spread over seeds. The spread says how far another seed lands on the same images, and a
    mean over more seeds is less uncertain by it. This says how far the same net lands on other images of the kind, and
    only more images make it smaller: nets of different seeds stumble over the same hard images, so a mean over many
    seeds on one test set keeps most of it. For the same reason a paired difference on the same images has less: images
    that both nets get right, or both wrong, cancel. Its variance is (p₁₀ + p₀₁ − (p₁₀ − p₀₁)²) / images, where p₁₀ and
    p₀₁ are the shares that only the one or only the other gets right (McNemar 1947), not the sum of two binomial ones.

    Sources: Dietterich 1998, "Approximate statistical tests for comparing supervised classification learning
    algorithms"; Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks".

    Raises ValueError for an accuracy outside 0–1 or no images.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"an accuracy lies in 0–1, not {accuracy}")
    if images < 1:
        raise ValueError(f"a test set of {images} images")
    return math.sqrt(accuracy * (1 - accuracy) / images)


def paired_difference(
    variant: Sequence[float], baseline: Sequence[float], *, level: float = 0.95, resolution: float = 0.0
) -> Difference:
    """Compare two variants on matched seeds by Student's paired t: variant minus baseline.

    variant, baseline: one value a seed, any unit, the same seeds in the same order. level: of the interval, 0–1.
    resolution: the measure's smallest step in the same unit, 1/images for an accuracy; 0 when it has none. Equal
    differences in a measure without steps give an interval without width, and p = 0, or 1 where they are all 0.

    The interval is for the mean over all seeds there could be, on these test images (see `sampling_error` for others).

    Sources: Student 1908, "The probable error of a mean"; the floor by rounding: Sheppard 1898.

    Raises ValueError when the seeds do not match, there are none, a value is not finite, or level or resolution is out
    of range.
    """
    return _contrast([variant, baseline], (1, -1), level=level, resolution=resolution)


def mean_difference(first: Sequence[float], second: Sequence[float], *, level: float = 0.95) -> MeanDifference:
    """Compare the means of two samples whose values are not matched: first minus second, by Welch's t.

    first, second: values of any unit; neither the numbers nor the deviations need be equal. level: of the interval,
    0–1. A sample of one, or two without any deviation, give no interval.

    Source: Welch 1947, "The generalization of 'Student's' problem when several different population variances are
    involved".

    Raises ValueError for no values or one that is not finite, and for a level out of range.
    """
    from scipy.special import stdtrit

    first, second = _finite(first), _finite(second)
    _within("level", level)
    middle = mean(first) - mean(second)
    if min(len(first), len(second)) < 2:
        return MeanDifference(middle, None, None)
    squares = [stdev(sample) ** 2 / len(sample) for sample in (first, second)]
    if sum(squares) == 0:
        return MeanDifference(middle, None, None)
    shares = [square**2 / (len(sample) - 1) for square, sample in zip(squares, (first, second), strict=True)]
    freedom = sum(squares) ** 2 / sum(shares)
    reach = float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(sum(squares))
    return MeanDifference(middle, middle - reach, middle + reach)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p values (0–1) of comparisons made together: one false alarm among all is as rare as it was in each.

    The answer is in the same order, each at least its raw p and at most 1. None (a comparison that had no test) stays
    None and does not count.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6.

    Raises ValueError for a p outside 0–1.
    """
    tested = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for smaller, (p, index) in enumerate(tested):
        if not 0 <= p <= 1:
            raise ValueError(f"a p value lies in 0–1, not {p}")
        highest = max(highest, min(1.0, (len(tested) - smaller) * p))
        adjusted[index] = highest
    return adjusted


def holm_levels(p_values: Sequence[float | None], comparisons: int, *, level: float = 0.95) -> list[float]:
    """Find the level (0–1) of each comparison's interval that agrees with `holm`: it is clear of 0 where Holm says so.

    comparisons: how many the family has; those beyond `p_values`, and None, have not been run and count as p = 1.
    level: of the whole family, 0–1. The i-th smallest p (from 0) has 1 − (1 − level) / (comparisons − i), as long as
    each one before it was noticed; from the first that is not noticed on all have that one's level: Holm stops there.

    Source: Holm 1979, as for `holm`.

    Raises ValueError for a p or a level outside 0–1, or for more p values than comparisons.
    """
    _within("level", level)
    if comparisons < len(p_values):
        raise ValueError(f"a family of {comparisons} comparisons has no {len(p_values)} p values")
    alpha = 1 - level
    family = holm([1.0 if p is None else p for p in p_values] + [1.0] * (comparisons - len(p_values)))
    noticed = sum(p is not None and p < alpha for p in family)
    order = sorted(range(len(p_values)), key=lambda index: (1.0 if (p := p_values[index]) is None else p, index))
    levels = [level] * len(p_values)
    for smaller, index in enumerate(order):
        levels[index] = 1 - alpha / (comparisons - min(smaller, noticed))
    return levels


def seeds_needed(standard_deviation: float, effect: float, *, level: float = 0.95, power: float = 0.8) -> int:
    """Find the fewest seeds (at least 2) with which a two-sided paired t-test notices an effect.

    standard_deviation: of the paired differences over seeds; effect: the true mean difference to notice, above 0, in
    the same unit. level: 1 minus the chance of a false alarm; power: the chance to notice; both 0–1. A deviation that
    was itself measured on few seeds makes this a rough answer.

    Under the effect, t has the noncentral distribution with n − 1 degrees of freedom and noncentrality
    √n · effect / deviation.

    Sources: Johnson and Welch 1940, "Applications of the non-central t-distribution"; Cohen 1988, "Statistical power
    analysis for the behavioral sciences", chapter 2.

    Raises ValueError for a negative or infinite deviation, an effect that is not above 0, or a chance outside 0–1.
    """
    if not 0 <= standard_deviation < math.inf:
        raise ValueError(f"a standard deviation is at least 0 and finite, not {standard_deviation}")
    if not effect > 0:
        raise ValueError(f"the effect to notice is above 0, not {effect}")
    _within("level", level)
    _within("power", power)
    # A billionth of the effect is as good as no deviation.
    ratio = effect / max(standard_deviation, 1e-9 * effect)
    most = 2
    while _power(most, ratio, level) < power:
        most *= 2
    return bisect_left(range(most), True, lo=2, key=lambda n: _power(n, ratio, level) >= power)


def _power(n: int, ratio: float, level: float) -> float:
    """Compute the chance (0–1) that a two-sided paired t-test of n seeds notices an effect of `ratio` deviations.

    Noncentral t is (Z + shift) / √(V / (n − 1)), Z normal, V chi-square: the chance to miss is that of Z between the
    critical values, averaged over V by Gauss and Legendre's rule on its quantiles: within 5e-5 up to a level of 0.99,
    1e-3 at 0.999. Not scipy's nctdtr or ncfdtr: both are nan far out, nctdtr from n = 4 and a shift of 11 on.
    """
    from scipy.special import chdtri, ndtr, stdtrit

    quantiles, weights = _quadrature()
    critical = stdtrit(n - 1, (1 + level) / 2) * (chdtri(n - 1, quantiles) / (n - 1)) ** 0.5
    shift = math.sqrt(n) * ratio
    return float(1 - weights @ (ndtr(critical - shift) - ndtr(-critical - shift)))


def seeds_range(
    standard_deviation: float,
    effect: float,
    *,
    n: int,
    level: float = 0.95,
    power: float = 0.8,
    coverage: float = 0.8,
) -> tuple[int, int | None]:
    """Find the range of seeds that would settle a difference of which no more is known than `n` seeds showed.

    standard_deviation: of the paired differences over the n seeds (at least 2); effect: their mean, or its distance
    from another boundary than 0, of either sign and in the same unit. level, power: as in `seeds_needed`. coverage: in
    which share of experiments the range holds the number that `seeds_needed` would give with the true deviation and the
    true effect; 0–1.

    Deviation and effect are both measured on the same few seeds, and both are allowed for: under the truth
    √n · mean / deviation has the noncentral t distribution, which gives an interval for the true effect over the true
    deviation, and its two ends give the two numbers. The upper end is None where it is beyond `MANY`, as it is wherever
    no effect at all would be as likely to show this: there may be nothing to settle.

    Measured with 20,000 experiments each of 3, 5 and 10 seeds and effects of 0.25 to 3 deviations: at a coverage of 0.8
    the range holds the true number in 81 to 93 %. The deviation's chi-square interval alone, the effect taken for what
    was seen, holds it in 26 to 93 %.

    Sources: Johnson and Welch 1940, as for `seeds_needed`; Steiger and Fouladi 1997, "Noncentrality interval estimation
    and the evaluation of statistical models".

    Raises ValueError for a negative or infinite deviation, an effect that is not finite, fewer than 2 seeds, or a
    chance outside 0–1.
    """
    from scipy.special import chdtri, ndtr

    if not 0 <= standard_deviation < math.inf:
        raise ValueError(f"a standard deviation is at least 0 and finite, not {standard_deviation}")
    if not math.isfinite(effect):
        raise ValueError(f"an effect is finite, not {effect}")
    if n < 2:
        raise ValueError(f"a deviation is measured on at least 2 seeds, not {n}")
    _within("level", level)
    _within("power", power)
    _within("coverage", coverage)
    if effect == 0 == standard_deviation:
        return 2, None
    seen = math.sqrt(n) * abs(effect) / max(standard_deviation, 1e-9 * abs(effect))
    quantiles, weights = _quadrature()
    scaled = seen * (chdtri(n - 1, quantiles) / (n - 1)) ** 0.5

    def shift_with(chance: float) -> float:
        """Find the noncentrality under which at most what was seen is seen with this chance."""
        low, high = -10.0, float(scaled.max()) + 10
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if weights @ ndtr(scaled - middle) > chance else (low, middle)
        return (low + high) / 2

    least, most = (shift_with(chance) / math.sqrt(n) for chance in ((1 + coverage) / 2, (1 - coverage) / 2))
    fewest = seeds_needed(1, max(most, -least), level=level, power=power)
    if least <= 0 or _power(MANY, least, level) < power:
        return fewest, None
    return fewest, seeds_needed(1, least, level=level, power=power)


def factorial(
    cells: Mapping[tuple[bool, bool], Sequence[float]], *, level: float = 0.95, resolution: float = 0.0
) -> FactorialEffects:
    """Take a 2×2 design on matched seeds apart: does A help, does B, and does one change what the other does?

    cells: (A on, B on) → one value a seed, the same seeds in the same order in all four. level, resolution: as in
    `paired_difference`. Each effect is a contrast within a seed, so that what a seed does to all four cells cancels.
    The three p values are three comparisons: `holm`.

    Source: Box, Hunter and Hunter 2005, "Statistics for experimenters", chapter 5.

    Raises ValueError when a cell is missing or too many, and as `paired_difference`.
    """
    order = [(a, b) for a in (False, True) for b in (False, True)]
    if set(cells) != set(order):
        raise ValueError(f"a 2×2 design has the cells {order}, not {list(cells)}")
    values = [cells[cell] for cell in order]
    return FactorialEffects(
        a=_contrast(values, (-0.5, -0.5, 0.5, 0.5), level=level, resolution=resolution),
        b=_contrast(values, (-0.5, 0.5, -0.5, 0.5), level=level, resolution=resolution),
        interaction=_contrast(values, (1, -1, -1, 1), level=level, resolution=resolution),
    )


def _contrast(
    groups: Sequence[Sequence[float]], weights: Sequence[float], *, level: float, resolution: float
) -> Difference:
    """Weigh and add the groups seed by seed, and ask by Student's t over seeds whether the mean is 0."""
    from scipy.special import stdtr

    groups = [_finite(group) for group in groups]
    counts = [len(group) for group in groups]
    if len(set(counts)) > 1:
        raise ValueError(f"seeds do not match: {' against '.join(map(str, counts))} values")
    _within("level", level)
    if not 0 <= resolution < math.inf:
        raise ValueError(f"a resolution is at least 0 and finite, not {resolution}")

    differences = tuple(
        math.fsum(weight * value for weight, value in zip(weights, seed, strict=True))
        for seed in zip(*groups, strict=True)
    )
    middle, n = mean(differences), len(differences)
    if n == 1:
        return Difference(differences, middle, None, None, None, None, level)
    # A measure with steps of r records x + e, e uniform on ±r/2, of variance ∫ e²/r de = (r³/12)/r = r²/12. Roundings
    # of different trainings are independent, so a weighted sum of them has Σw² · r²/12: 2 · r²/12 for a difference of
    # two, r²/12 for a main effect, 4 · r²/12 for an interaction. The true variance of the differences contains this; a
    # sample that shows less, as when all seeds fall on the same step, has seen too few seeds.
    rounding = math.sqrt(sum(weight**2 for weight in weights) / 12) * resolution
    deviation = max(stdev(differences), rounding)
    error = deviation / math.sqrt(n)
    reach = _reach(deviation, n, level)
    if error > 0:
        p = 2 * float(stdtr(n - 1, -abs(middle) / error))
    else:
        p = 1.0 if middle == 0 else 0.0
    return Difference(differences, middle, middle - reach, middle + reach, deviation, p, level)


def _reach(deviation: float, n: int, level: float) -> float:
    """Compute how far Student's interval for a mean reaches to either side, in the deviation's unit."""
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, (1 + level) / 2)) * (deviation / math.sqrt(n))


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Find where and with which weights to average over 0–1, once: it takes longer than all the rest."""
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(100)
    return (nodes + 1) / 2, weights / 2


def _finite(values: Sequence[float]) -> list[float]:
    """Copy values as floats; raises ValueError for none or one that is not finite."""
    floats = [float(value) for value in values]
    if not floats:
        raise ValueError("no values: at least one seed")
    for index, value in enumerate(floats):
        if not math.isfinite(value):
            raise ValueError(f"value {index} is {value}")
    return floats


def _within(name: str, chance: float) -> None:
    if not 0 < chance < 1:
        raise ValueError(f"{name} lies between 0 and 1, not {chance}")
