from __future__ import annotations

import pytest

from cnnlab import numbers
from cnnlab.experiments.statistics import Difference


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (numbers.percent(0.9953, 2), "99.53 %"),
        (numbers.percent(1.0), "100.0 %"),
        (numbers.percent(0.99996), "> 99.9 %"),
        (numbers.percent(0.0), "0.0 %"),
        (numbers.percent(0.0004), "< 0.1 %"),
        (numbers.percent(0.999999, 0), "> 99 %"),
        (numbers.accuracy(0.974, 500), "97.4 %"),
        (numbers.accuracy(0.9953, 10_000), "99.53 %"),
        (numbers.interval(0.9938, 0.9965, 10_000), "99.38 – 99.65 %"),
        (numbers.signed(-1.274), "−1.27"),
        (numbers.signed(1.274, 0), "1"),
        (numbers.signed(-0.0001), "0.00"),
        (numbers.in_points(0.0042), "0.42"),
        (numbers.in_points(-0.0042), "−0.42"),
        (numbers.in_points(-0.00001), "0.00"),
        (numbers.signed_points(0.0042), "+0.42"),
        (numbers.signed_points(0.00001), "0.00"),
        (numbers.signed_points(0.00001, decimals=3), "+0.001"),
        (numbers.duration(20.61), "20.6 s"),
        (numbers.duration(59.96), "1 min 00 s"),
        (numbers.duration(200), "3 min 20 s"),
        (numbers.duration(3900), "1 h 05 min"),
        (numbers.plain((32, 64)), "32, 64"),
        (numbers.plain(0.1), "0.1"),
        (numbers.plain(True), "on"),
        (numbers.plain(None), "none"),
    ],
)
def test_as_a_person_writes_it(got: str, expected: str) -> None:
    assert got.replace("\u00a0", " ") == expected


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0, "0"),
        (8.0, "8.00"),
        (-0.127, "−0.13"),
        (23670.77, "23,671"),
        (1.1e-15, "1.1 × 10⁻¹⁵"),
        (-2e-4, "−2.0 × 10⁻⁴"),
    ],
)
def test_numbers(value: float, says: str) -> None:
    assert numbers.rounded(value).replace("\u00a0", " ") == says


def test_typeset_leaves_ranges_and_names_alone() -> None:
    assert numbers.typeset("mnist-5k, LeNet-5, 3-4, a -0.5") == "mnist-5k, LeNet-5, 3-4, a −0.5"


@pytest.mark.parametrize(
    ("ends", "sign", "says"),
    [
        ((0.002, 0.0064), 1, "+0.42 [+0.20, +0.64]"),
        ((0.002, 0.0064), -1, "−0.42 [−0.64, −0.20]"),
        ((0.00419, 0.00421), 1, "+0.4200 [+0.4190, +0.4210]"),
        ((0.0042, 0.0042), 1, "+0.42 [+0.42, +0.42]"),
        ((None, None), -1, "−0.42"),
    ],
)
def test_a_difference_has_decimals_for_its_interval(ends: tuple[float | None, ...], sign: int, says: str) -> None:
    low, high = ends
    difference = Difference((0.0042,), 0.0042, low, high, None, None, 0.95)
    assert numbers.points(difference, sign) == says
