"""A data set looked through: its equal and nearly equal images, and its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnlab.data.imageset import ImageSet, Progress
from cnnlab.inspection.confident import confident_joint, doubted, suspects
from cnnlab.inspection.copies import NEAR, SPLITS, EqualImages, NearImages, Pair, Place, equal_images, near_images
from cnnlab.inspection.held_out import FOLDS, HeldOut, held_out

#: Pairs and suspects that a record names; a set that is nothing but copies has no end of them.
NAMED = 10_000

#: Classes up to which a record holds the whole joint.
_JOINT = 100


@dataclass(frozen=True)
class Suspect:
    """An image whose label is doubted: the label, the class it looks like, and what the net gave to each.

    is_probable: the label is probably wrong; otherwise the net is not sure enough of the other class.
    """

    place: Place
    given: int
    likely: int
    given_probability: float
    likely_probability: float
    is_probable: bool


@dataclass(frozen=True)
class Labels:
    """What cross-validation says of labels.

    accuracy: share of labels (0–1) that the nets agree with. joint: at [i][j] images labelled i that confidently are j,
    int64 (K, K). found: all that are probably wrong; doubted: these and all others where the nets give another class
    the highest probability. suspects: those that are probably wrong, then the other doubted ones, the most suspicious
    of each first, at most `NAMED`. judged, of: images that were judged, and that the splits hold.
    """

    splits: tuple[str, ...]
    net: str
    folds: int
    repeats: int
    learned: int
    judged: int
    of: int
    too_few: tuple[str, ...]
    accuracy: float
    joint: np.ndarray
    found: int
    doubted: int
    suspects: list[Suspect]

    @property
    def probable(self) -> list[Suspect]:
        """The suspects whose labels are probably wrong."""
        return [one for one in self.suspects if one.is_probable]

    @property
    def doubtful(self) -> list[Suspect]:
        """The other suspects."""
        return [one for one in self.suspects if not one.is_probable]


@dataclass(frozen=True)
class Inspection:
    """All of it. labels: None where fewer than two classes have enough images to be told apart."""

    data: ImageSet
    equal: EqualImages
    near: NearImages
    labels: Labels | None

    def file_of(self, place: Place) -> str | None:
        """The file that an image came from, where the set is a folder."""
        return self.data.files[SPLITS.index(place.split)][place.index] if self.data.files else None

    def to_json(self) -> dict[str, Any]:
        """Everything but pictures."""
        return {
            "data": self.data.name,
            "sha256": self.data.sha256,
            "images": {name: len(self.data.split(name)) for name in SPLITS},
            "equal": {
                "within": self.equal.within,
                "across": {f"{one}/{other}": count for (one, other), count in self.equal.across.items()},
                "of_different_classes": self.equal.conflicting,
                "pairs": [self._pair(pair) for pair in self.equal.pairs],
            },
            "near": {
                "threshold": self.near.threshold,
                "across": {f"{one}/{other}": count for (one, other), count in self.near.across.items()},
                "pairs": [self._pair(pair) for pair in self.near.pairs],
            },
            "labels": None if self.labels is None else self._labels(self.labels),
        }

    def label_of(self, place: Place) -> str:
        """The class that an image is labelled as."""
        return self.data.classes[int(self.data.split(place.split).labels[place.index])]

    def _place(self, place: Place) -> dict[str, Any]:
        file = self.file_of(place)
        return {"split": place.split, "index": place.index} | ({} if file is None else {"file": file})

    def _pair(self, pair: Pair) -> dict[str, Any]:
        both = [self._place(place) | {"label": self.label_of(place)} for place in (pair.first, pair.second)]
        return {"images": both, "correlation": round(pair.likeness, 6)}

    def _labels(self, labels: Labels) -> dict[str, Any]:
        classes = self.data.classes
        return {
            "splits": list(labels.splits),
            "net": labels.net,
            "folds": labels.folds,
            "repeats": labels.repeats,
            "learned": labels.learned,
            "judged": labels.judged,
            "of": labels.of,
            "classes_left_out": list(labels.too_few),
            "accuracy": labels.accuracy,
            "confident_joint": labels.joint.tolist() if len(classes) <= _JOINT else None,
            "found": labels.found,
            "doubted": labels.doubted,
            "suspects": [
                self._place(one.place)
                | {
                    "given": classes[one.given],
                    "likely": classes[one.likely],
                    "given_probability": one.given_probability,
                    "likely_probability": one.likely_probability,
                    "probable": one.is_probable,
                }
                for one in labels.suspects
            ],
        }


def inspect(
    data: ImageSet,
    *,
    test_labels: bool = False,
    near: float = NEAR,
    folds: int = FOLDS,
    repeats: int = 1,
    quick: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Inspection:
    """Look a set through for images that it holds more than once and for labels that are probably wrong.

    test_labels: judge the labels of the test split, too, together with the others'. near: see `near_images`; folds,
    repeats, quick, seed: see `held_out`. Nothing is written. Raises UserError where a net that judges diverges.
    """
    equal = equal_images(data, most=NAMED)
    near_ones = near_images(data, threshold=near, most=NAMED, progress=progress)
    judged = held_out(
        data,
        SPLITS if test_labels else SPLITS[:2],
        folds=folds,
        repeats=repeats,
        quick=quick,
        seed=seed,
        progress=progress,
    )
    return Inspection(data, equal, near_ones, None if judged is None else _of_labels(judged))


def _of_labels(judged: HeldOut) -> Labels:
    found, all_doubted = (of(judged.probabilities, judged.labels) for of in (suspects, doubted))
    listed = np.concatenate([found, all_doubted[~np.isin(all_doubted, found)]])[:NAMED]
    likely = judged.probabilities[listed].argmax(axis=1)
    return Labels(
        splits=judged.names,
        net=judged.net,
        folds=judged.folds,
        repeats=judged.repeats,
        learned=judged.learned,
        judged=len(judged.labels),
        of=judged.of,
        too_few=judged.too_few,
        accuracy=judged.accuracy,
        joint=confident_joint(judged.probabilities, judged.labels),
        found=len(found),
        doubted=len(all_doubted),
        suspects=[
            Suspect(
                Place(judged.names[judged.splits[row]], int(judged.indices[row])),
                int(judged.labels[row]),
                int(guess),
                float(judged.probabilities[row, judged.labels[row]]),
                float(judged.probabilities[row, guess]),
                is_probable=place < len(found),
            )
            for place, (row, guess) in enumerate(zip(listed.tolist(), likely.tolist(), strict=True))
        ],
    )
