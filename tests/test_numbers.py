from __future__ import annotations

import pytest

from cnnlab import numbers


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
    assert numbers.number(value).replace("\u00a0", " ") == says


def test_typeset_leaves_ranges_and_names_alone() -> None:
    assert numbers.typeset("mnist-5k, LeNet-5, 3-4, a -0.5") == "mnist-5k, LeNet-5, 3-4, a −0.5"
