"""Equal and nearly equal images against slow comparisons of each with each."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch

from cnnlab.data.imageset import ImageSet, Split, image_set
from cnnlab.inspection.copies import ACROSS, SPLITS, Place, equal_images, near_images


def made(*parts: tuple[np.ndarray, list[int]]) -> ImageSet:
    """Training, validation and test images uint8 (N, C, H, W) with their labels."""
    splits = [Split(torch.from_numpy(images), torch.tensor(labels)) for images, labels in parts]
    return image_set(
        "made", classes=("a", "b", "c"), train=splits[0], validation=splits[1], test=splits[2],
        source="made", split_note="made", leaks_allowed=True,
    )  # fmt: skip


def noise(count: int, seed: int, channels: int = 1, side: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, channels, side, side), dtype=np.uint8)


def several(channels: int = 1) -> ImageSet:
    """Of noise, with copies and near copies within and across splits."""
    train, validation, test = noise(60, 0, channels), noise(20, 1, channels), noise(30, 2, channels)
    train[5], train[7] = train[2], train[2]
    validation[3] = train[9]
    test[4], test[6] = train[9], validation[11]
    rng = np.random.default_rng(3)
    validation[0] = (train[20] * 0.6 + 20).astype(np.uint8)  # darker, with less contrast
    test[1] = np.clip(train[21].astype(int) + rng.integers(-6, 7, train[21].shape), 0, 255)
    test[2] = np.clip(train[22].astype(int) + rng.integers(-60, 61, train[22].shape), 0, 255)  # too far
    test[10:12] = 200  # of one value
    labels = [i % 3 for i in range(60)]
    return made((train, labels), (validation, [i % 3 for i in range(20)]), (test, [i % 3 for i in range(30)]))


def all_places(data: ImageSet) -> list[Place]:
    return [Place(split, index) for split in SPLITS for index in range(len(data.split(split)))]


def pixels(data: ImageSet, place: Place) -> np.ndarray:
    return data.split(place.split).images[place.index].numpy()


@pytest.mark.parametrize("channels", [1, 3])
def test_equal_images_are_those_of_a_comparison_of_each_with_each(channels: int) -> None:
    data = several(channels)
    found = equal_images(data)
    twins = [
        (one, other)
        for one, other in combinations(all_places(data), 2)
        if np.array_equal(pixels(data, one), pixels(data, other))
    ]
    for split in SPLITS:
        assert found.within[split] == len({b for a, b in twins if a.split == b.split == split})
    for one, other in ACROSS:
        assert found.across[one, other] == len({b for a, b in twins if (a.split, b.split) == (one, other)})
    assert found.across == {("train", "validation"): 1, ("train", "test"): 1, ("validation", "test"): 2}
    assert {(pair.first, pair.second) for pair in found.pairs} <= set(twins)
    assert {pair.second for pair in found.pairs} == {other for _, other in twins}


def test_equal_images_with_other_labels_come_first() -> None:
    data = several()
    found = equal_images(data)

    def label(place: Place) -> int:
        return int(data.split(place.split).labels[place.index])

    conflicts = [label(pair.first) != label(pair.second) for pair in found.pairs]
    assert found.conflicting == sum(conflicts)
    assert 0 < sum(conflicts) < len(conflicts)
    assert conflicts == sorted(conflicts, reverse=True)
    assert len(equal_images(data, most=2).pairs) == 2


@pytest.mark.parametrize(("channels", "side"), [(1, 12), (3, 12), (1, 60)])
def test_near_images_are_those_of_a_comparison_of_each_with_each(
    channels: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnlab.inspection.copies._HELD", 500)  # some queries at a time
    data = several(channels)
    found = near_images(data, threshold=0.98)
    expected: dict[tuple[str, int], tuple[float, Place]] = {}
    across: dict[tuple[str, str], set[int]] = {both: set() for both in ACROSS}
    for one, other in combinations(all_places(data), 2):
        a, b = pixels(data, one).ravel(), pixels(data, other).ravel()
        if one.split == other.split or a.std() == 0 or b.std() == 0 or np.array_equal(a, b):
            continue
        likeness = float(np.corrcoef(a, b)[0, 1])
        if likeness >= 0.98:
            across[one.split, other.split].add(other.index)
            if likeness > expected.get((other.split, other.index), (0.0, one))[0]:
                expected[other.split, other.index] = likeness, one
    assert {(pair.second.split, pair.second.index): pair.first for pair in found.pairs} == {
        key: place for key, (_, place) in expected.items()
    }
    assert found.across == {both: len(these) for both, these in across.items()}
    likeness = [pair.likeness for pair in found.pairs]
    assert likeness == sorted(likeness, reverse=True)
    assert likeness == pytest.approx(sorted((like for like, _ in expected.values()), reverse=True), abs=1e-4)
    assert {("validation", 0), ("test", 1)} == set(expected)


def test_near_images_larger_than_the_sample_and_of_one_value() -> None:
    train, validation, test = noise(30, 0, 3, 40), noise(5, 1, 3, 40), np.full((4, 3, 40, 40), 7, dtype=np.uint8)
    validation[2] = np.clip(train[8].astype(int) + 3, 0, 255)
    found = near_images(made((train, [0] * 30), (validation, [0] * 5), (test, [1] * 4)))
    assert [(pair.first, pair.second) for pair in found.pairs] == [(Place("train", 8), Place("validation", 2))]


def test_many_near_ones_of_one_image_are_bounded_and_the_closest_of_them_is_named() -> None:
    base, rng = noise(1, 5), np.random.default_rng(0)
    many = np.clip(base.astype(int) + rng.integers(-9, 10, (40, 1, 12, 12)), 0, 255).astype(np.uint8)
    data = made((many, [0] * 40), (noise(3, 1), [0] * 3), (base, [0]))
    (pair,) = near_images(data, threshold=0.9).pairs
    closest = max(range(40), key=lambda i: np.corrcoef(many[i].ravel(), base.ravel())[0, 1])
    assert pair.first == Place("train", closest)


def test_a_set_of_one_image_each(capfd: Any) -> None:
    data = made((noise(1, 0), [0]), (noise(1, 1), [0]), (noise(1, 2), [0]))
    assert near_images(data).pairs == []
    assert equal_images(data).pairs == []
