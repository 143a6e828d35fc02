"""Images that a set holds more than once: pixel for pixel, or nearly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from cnnlab.data.imageset import ImageSet, Progress
from cnnlab.data.overlap import groups_of_equal

SPLITS = ("train", "validation", "test")
#: The splits of which the first is looked through for the second's images.
ACROSS = (("train", "validation"), ("train", "test"), ("validation", "test"))

#: Correlation of pixels from which on two images count as nearly the same.
NEAR = 0.99

#: Numbers that stand for an image while near ones are looked for, and images that say which numbers.
_COMPONENTS, _SAMPLE = 50, 2_000

#: Of one image at most this many candidates are compared pixel by pixel.
_CANDIDATES = 5

#: Products that are held at a time.
_HELD = 16_000_000


@dataclass(frozen=True)
class Place:
    """An image: its split and its index in it, from 0."""

    split: str
    index: int


@dataclass(frozen=True)
class Pair:
    """Two images that are alike. likeness: the correlation of their pixels, 1 where they are equal."""

    first: Place
    second: Place
    likeness: float


@dataclass(frozen=True)
class EqualImages:
    """Images that are there more than once, pixel for pixel.

    within: split → images of it that repeat an earlier one of it. across: two splits → images of the second that stand
    in the first, too. conflicting: images whose label is another than that of the first of their like; pairs: these
    first, then those across splits, then the others; at most the number that was asked for.
    """

    within: dict[str, int]
    across: dict[tuple[str, str], int]
    conflicting: int
    pairs: list[Pair] = field(default_factory=list)


@dataclass(frozen=True)
class NearImages:
    """Images that nearly stand in another split, without being equal to an image of it.

    threshold: the correlation from which on they count. across: two splits → images of the second that have one in the
    first. pairs: each with the image that is most like it, the closest first; at most the number that was asked for.
    """

    threshold: float
    across: dict[tuple[str, str], int]
    pairs: list[Pair]


def equal_images(data: ImageSet, *, most: int = 1_000) -> EqualImages:
    """Find images that are equal, pixel for pixel. most: pairs that are named."""
    parts = [data.split(name) for name in SPLITS]
    groups = groups_of_equal(part.images.contiguous().numpy() for part in parts)
    labels = np.concatenate([part.labels.numpy() for part in parts])
    ends = np.cumsum([0, *map(len, parts)])
    split_of = np.repeat(np.arange(len(parts)), np.diff(ends))
    # Of each split the first image of its like; what else is equal to it there is a repetition.
    first_in_split = {}
    within = {}
    for i, name in enumerate(SPLITS):
        mine, first = np.unique(groups[ends[i] : ends[i + 1]], return_index=True)
        first_in_split[name] = dict(zip(mine.tolist(), (first + ends[i]).tolist(), strict=True))
        within[name] = int(ends[i + 1] - ends[i] - len(mine))
    across = {
        (one, other): int(np.isin(groups[split_of == SPLITS.index(other)], list(first_in_split[one])).sum())
        for one, other in ACROSS
    }
    repeated = np.flatnonzero(groups != np.arange(len(groups)))
    is_conflict = labels[repeated] != labels[groups[repeated]]
    is_across = split_of[repeated] != split_of[groups[repeated]]
    order = np.lexsort((repeated, ~is_across, ~is_conflict))[:most]

    def place(index: int) -> Place:
        split = int(split_of[index])
        return Place(SPLITS[split], int(index - ends[split]))

    pairs = [Pair(place(int(groups[index])), place(int(index)), 1.0) for index in repeated[order]]
    return EqualImages(within, across, int(is_conflict.sum()), pairs)


def near_images(
    data: ImageSet, *, threshold: float = NEAR, most: int = 1_000, progress: Progress | None = None
) -> NearImages:
    """Find images that nearly stand in another split: correlation of all pixels of at least `threshold`, 0–1.

    Correlation is blind to brightness and contrast; an image that is shifted, turned or mirrored is another. Images of
    one single value are like none. Images are compared in the 50 directions in which 2,000 of them (of large ones,
    fewer) differ most, where no two lie farther apart than in all their pixels: what is near there, of one image the
    five nearest, is compared pixel by pixel. most: pairs that are named.
    """
    directions = _directions(data)
    numbers = {name: _in_directions(data.split(name).images, directions) for name in SPLITS}
    limit = 2 - 2 * threshold + 1e-4
    done, total = 0, sum(len(data.split(other)) for _, other in ACROSS)
    across: dict[tuple[str, str], int] = {}
    found: dict[tuple[str, int], Pair] = {}
    for one, other in ACROSS:
        here: dict[int, Pair] = {}
        pixels = data.train.images[0].numel()
        for queries, candidates in _candidates(numbers[other], numbers[one], limit, pixels):
            done += len(queries)
            if progress is not None:
                progress("comparing images", done, total)
            rows, columns = candidates
            if not len(rows):
                continue
            likeness = _likeness(data.split(other).images[rows], data.split(one).images[columns])
            same = (data.split(other).images[rows] == data.split(one).images[columns]).flatten(1).all(dim=1)
            is_near = (likeness >= threshold) & ~same
            for row, column, alike in zip(
                rows[is_near].tolist(), columns[is_near].tolist(), likeness[is_near].tolist(), strict=True
            ):
                if row not in here or alike > here[row].likeness:
                    here[row] = Pair(Place(one, column), Place(other, row), min(1.0, alike))
        across[one, other] = len(here)
        for row, pair in here.items():
            if (other, row) not in found or pair.likeness > found[other, row].likeness:
                found[other, row] = pair
    pairs = sorted(found.values(), key=lambda pair: -pair.likeness)[:most]
    return NearImages(threshold, across, pairs)


def _units(images: Tensor) -> Tensor:
    """uint8 (N, C, H, W) → float32 (N, C·H·W): each less its mean, of length 1; of one value: zeros."""
    x = images.flatten(1).float()
    x -= x.mean(dim=1, keepdim=True)
    length = x.norm(dim=1, keepdim=True)
    return x.div_(length.clamp(min=1e-6))


def _directions(data: ImageSet) -> Tensor:
    """Orthonormal float32 (C·H·W, D), D up to 50: those in which training images differ most."""
    most = max(2 * _COMPONENTS, min(_SAMPLE, _HELD // data.train.images[0].numel()))  # fewer where images are large
    sample = _units(data.train.evenly_spaced(most).images).double()
    sample -= sample.mean(dim=0)
    if sample.shape[1] <= len(sample):
        _, vectors = torch.linalg.eigh(sample.T @ sample)
        return vectors[:, -_COMPONENTS:].float()
    values, vectors = torch.linalg.eigh(sample @ sample.T)
    wide = sample.T @ vectors[:, -_COMPONENTS:][:, values[-_COMPONENTS:] > 1e-9]
    return torch.linalg.qr(wide)[0].float()


def _in_directions(images: Tensor, directions: Tensor) -> Tensor:
    size = images[0].numel()
    rows = max(1, _HELD // size)
    return torch.cat([_units(images[start : start + rows]) @ directions for start in range(0, len(images), rows)])


def _candidates(
    queries: Tensor, among: Tensor, limit: float, pixels: int
) -> Iterator[tuple[range, tuple[Tensor, Tensor]]]:
    """Pairs of rows whose squared distance is at most `limit`, for some queries at a time; of each the five nearest.

    So many at a time that neither the products nor the candidates' pixels are more than `_HELD` numbers.

    |a - b|² ≤ limit where a·b - |b|²/2 ≥ (|a|² - limit)/2: one product of matrices, and one comparison.
    """
    half = among.square().sum(dim=1) / 2
    table = torch.cat([among, -half[:, None]], dim=1).T.contiguous()
    rows = max(1, _HELD // max(len(among), _CANDIDATES * pixels))
    for start in range(0, len(queries), rows):
        part = queries[start : start + rows]
        products = torch.cat([part, torch.ones(len(part), 1)], dim=1) @ table
        least = (part.square().sum(dim=1, keepdim=True) - limit) / 2
        is_near = products >= least
        number = is_near.sum(dim=1)
        many = (number > _CANDIDATES).nonzero().flatten()
        is_near[many] = False
        if len(many):
            is_near[many[:, None], products[many].topk(_CANDIDATES, dim=1).indices] = True
        which, columns = is_near.nonzero(as_tuple=True)
        yield range(start, start + len(part)), (which + start, columns)


def _likeness(one: Tensor, other: Tensor) -> Tensor:
    """The correlation of each two images, uint8 (N, C, H, W): float32 (N,)."""
    return (_units(one) * _units(other)).sum(dim=1)
