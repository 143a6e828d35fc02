"""What nets answer to images that they did not learn: by cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from cnnlab.config import NetSpec
from cnnlab.data.imageset import ImageSet, Progress, Split
from cnnlab.data.splits import shuffle_keys
from cnnlab.errors import UserError
from cnnlab.evaluation import logits
from cnnlab.nets import build_net
from cnnlab.training.loop import Diverged, fit
from cnnlab.training.recipes import default_epochs, find_recipe, recipe
from cnnlab.training.state import start

#: Parts that the images are cut into: each is answered by a net that learned the others.
FOLDS = 5

#: Images that a net learns at most, so that time and memory are bounded.
LEARNED = 60_000

#: What `progress` is told while nets are trained and asked: of how many steps how many are done.
JUDGING = "judging labels"

#: Training images from which on half of the usual epochs are enough.
_MANY = 2_000

#: Images that are asked at a time.
_ASKED = 10_000

#: Probabilities that are held at most; of more, images are judged in part, evenly spaced.
HELD = 50_000_000

#: The nets that judge: the first whose layers fit the images.
_NETS = ("simple-cnn", "lenet5", "mlp")

#: Seeds between two repeats: more than there are parts.
_SEEDS = 1_000

_RECIPE = "fast"


@dataclass(frozen=True)
class HeldOut:
    """Images of a set and how probable each class is for them to nets that did not learn them.

    splits: int64 (N,), which of `names` an image is of; indices: int64 (N,), its index in that split, from 0; labels:
    int64 (N,). probabilities: float32 (N, K), the mean over all repeats. net: that judged. repeats: cross-validations,
    each with other weights to begin with. learned: images that each net learned, at most.
    of: images that could have been judged; those of `too_few`, classes of fewer images than folds, are left out.
    """

    names: tuple[str, ...]
    splits: np.ndarray
    indices: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    net: str
    folds: int
    repeats: int
    learned: int
    of: int
    too_few: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Share of the images (0–1) whose label the net gave the highest probability."""
        return float((self.probabilities.argmax(axis=1) == self.labels).mean())


def held_out(
    data: ImageSet,
    names: Sequence[str] = ("train", "validation"),
    *,
    folds: int = FOLDS,
    repeats: int = 1,
    quick: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> HeldOut | None:
    """Let every image of some splits be judged by a net that did not learn it; None where nothing can be judged.

    names: splits whose images are pooled, cut into `folds` parts with each class spread evenly, and judged. The nets
    are SimpleCNNs by the recipe `fast` on at most 60,000 images each, LeNet-5s where `quick`; where images are too
    small for them, an MLP. The weights are those after the last epoch: none is chosen by what it will be asked.
    repeats: times that all of this is done, with other weights to begin with; probabilities are the means. Classes of
    fewer images than `folds` are neither learned nor judged. Raises UserError where a training diverges.
    The process's random state stays as it was.
    """
    pool = _pool(data, names)
    counts = np.bincount(pool.labels, minlength=len(data.classes))
    few = (counts > 0) & (counts < folds)
    rows = np.flatnonzero(~few[pool.labels])
    too_few = tuple(data.classes[label] for label in np.flatnonzero(few))
    if (counts >= folds).sum() < 2:
        return None
    most = HELD // len(data.classes)
    if len(rows) > most:
        rows = rows[np.arange(most) * len(rows) // most]
    part_of = _parts(pool.labels[rows], folds)
    net_name = _net(data, quick)
    probabilities = np.zeros((len(rows), len(data.classes)), dtype=np.float32)
    learned = 0
    for number in range(repeats * folds):
        repeat, part = divmod(number, folds)

        def told(step: int, steps: int, number: int = number) -> None:
            if progress is not None and step < steps:
                progress(JUDGING, number * steps + step, repeats * folds * steps)

        others = rows[part_of != part]
        others = others[np.arange(min(LEARNED, len(others))) * len(others) // min(LEARNED, len(others))]
        learned = max(learned, len(others))
        mine = part_of == part
        own_seed = seed + repeat * _SEEDS + part
        probabilities[mine] += _answers(data, pool.gather(others), pool, rows[mine], net_name, own_seed, told)
    probabilities /= repeats
    if progress is not None:
        progress(JUDGING, folds, folds)
    return HeldOut(
        names=tuple(names),
        splits=pool.splits[rows],
        indices=pool.indices[rows],
        labels=pool.labels[rows],
        probabilities=probabilities,
        net=net_name,
        folds=folds,
        repeats=repeats,
        learned=learned,
        of=len(pool.labels),
        too_few=too_few,
    )


@dataclass(frozen=True)
class _Pool:
    """Images of several splits under one numbering; splits, indices, labels: int64 (N,)."""

    parts: tuple[Split, ...]
    splits: np.ndarray
    indices: np.ndarray
    labels: np.ndarray

    def gather(self, rows: np.ndarray) -> Split:
        """Some of the images, in their order."""
        images = torch.empty((len(rows), *self.parts[0].images.shape[1:]), dtype=torch.uint8)
        for split, part in enumerate(self.parts):
            mine = self.splits[rows] == split
            images[torch.from_numpy(mine)] = part.images[torch.from_numpy(self.indices[rows[mine]])]
        return Split(images, torch.from_numpy(self.labels[rows]))


def _pool(data: ImageSet, names: Sequence[str]) -> _Pool:
    parts = tuple(data.split(name) for name in names)
    return _Pool(
        parts,
        np.concatenate([np.full(len(part), split) for split, part in enumerate(parts)]),
        np.concatenate([np.arange(len(part)) for part in parts]),
        np.concatenate([part.labels.numpy() for part in parts]),
    )


def _parts(labels: np.ndarray, folds: int) -> np.ndarray:
    """The part of each image: classes are dealt out in a fixed shuffled order, each going on where another ends."""
    order = np.lexsort((shuffle_keys(len(labels), seed=folds), labels))
    part_of = np.empty(len(labels), dtype=np.int64)
    part_of[order] = np.arange(len(labels)) % folds
    return part_of


def _net(data: ImageSet, quick: bool) -> str:
    """The first net that fits the images. Raises UserError where none does."""
    for name in _NETS[quick:]:
        try:
            _build(name, data, 0)
        except UserError:
            if name == _NETS[-1]:
                raise
        else:
            return name
    raise AssertionError


def _build(name: str, data: ImageSet, seed: int) -> torch.nn.Module:
    options = find_recipe(_RECIPE).net_options if name != "lenet5" else {}
    return build_net(
        NetSpec(name=name, options=options), image_shape=data.image_shape, num_classes=len(data.classes), seed=seed
    )


def _answers(
    data: ImageSet,
    learned: Split,
    pool: _Pool,
    asked: np.ndarray,
    net_name: str,
    seed: int,
    told: Callable[[int, int], None],
) -> np.ndarray:
    """Probabilities float32 (N, K) of images of the pool by a net that learned others; told: steps done, and in all."""
    taught = replace(data, train=learned, validation=learned.evenly_spaced(1))
    net = _build(net_name, data, seed)
    # With smoothing no answer is surer than 0.91, and hardly one is surer of another class than the average: of 70,000
    # labels of MNIST 22 were listed, and none of the 15 known errors of its test split.
    training = recipe(_RECIPE, net, taught, epochs=_epochs(len(learned)), label_smoothing=0.0)
    try:
        for _ in fit(
            start(net, training, seed=seed),
            taught,
            training,
            on_step=lambda step: told(step.step, step.total_steps),
        ):
            pass
    except Diverged:
        raise UserError(
            f"{data.name}: the net that judges its labels diverged (its loss became NaN or infinite); expected images "
            "that a net can learn: look at them, or leave --check out"
        ) from None
    found = np.empty((len(asked), len(data.classes)), dtype=np.float32)
    for begin in range(0, len(asked), _ASKED):
        some = pool.gather(asked[begin : begin + _ASKED])
        answers = logits(net, some.images, mean=data.mean, std=data.std)
        found[begin : begin + _ASKED] = answers.softmax(dim=1).numpy()
    return found


def _epochs(images: int) -> int:
    """Half as many as a net of its own gets, but of few images: it need not be the best, and learns less by heart."""
    usual = default_epochs(images, find_recipe(_RECIPE).smallest_batch)
    return usual if images < _MANY else max(2, usual // 2)
