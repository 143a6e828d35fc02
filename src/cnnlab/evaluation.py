"""From a net and labelled images to accuracy with its uncertainty, confusion, calibration and mistakes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import ConfigDict, FailFast, Field
from torch import Tensor, nn

from cnnlab.config import Count, Share
from cnnlab.data.normalise import normalise
from cnnlab.errors import UserError
from cnnlab.nets.layout import channels_last, runs_channels_last
from cnnlab.nets.modes import eval_mode as eval_mode

#: Images in a forward pass: enough to fill the machine, few enough for the maps' blocks not to break up its memory. Of
#: 250, SimpleCNN's are 25 MB each, and what is kept between them made a training's peak vary from 600 to 900 MB; of 125
#: it varies from 600 to 640. SimpleCNN takes 3 % longer by that, LeNet-5 4 to 10 %.
BATCH = 125

#: Classes are uneven where the largest has more than this many times the images of the smallest.
UNEVEN = 1.5

_RECORD = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class ClassFigures:
    """How one class fared: precision and recall and their harmonic mean (0–1; 0 where nothing was predicted)."""

    __pydantic_config__: ClassVar[ConfigDict] = _RECORD

    name: str
    images: Count
    precision: Share
    recall: Share
    f1: Share


@dataclass(frozen=True)
class CalibrationBin:
    """Images whose top probability lies in (low, high]: how sure the net was of them, and how often it was right.

    first_right: the first of them that it got right, by its index in the split; None where it got none right, and in
    evaluations of cnnlab 0.1.0.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _RECORD

    low: Share
    high: Share
    images: Count
    confidence: Share
    accuracy: Share
    first_right: Count | None = None


@dataclass(frozen=True)
class Mistake:
    """An image of the split that the net got wrong; probability is what it gave to the wrong class."""

    __pydantic_config__: ClassVar[ConfigDict] = _RECORD

    index: Count
    label: Count
    predicted: Count
    probability: Share


@dataclass(frozen=True)
class Evaluation:
    """All figures of one net on one split.

    accuracy: 0–1. accuracy_interval: 95 %, Wilson's. loss: mean cross-entropy in nats. ece: expected calibration error
    (0–1). confusion: at [i][j] the images of class i that were called j. mistakes: the most confident first.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _RECORD

    images: Annotated[Count, Field(ge=1)]
    accuracy: Share
    accuracy_interval: tuple[Share, Share]
    loss: Annotated[float, Field(allow_inf_nan=True)]
    ece: Share
    # At the first fault the reading ends: a report of every one of millions would fill the memory.
    confusion: Annotated[tuple[Annotated[tuple[Count, ...], FailFast()], ...], FailFast()]
    per_class: Annotated[tuple[ClassFigures, ...], FailFast()]
    calibration: Annotated[tuple[CalibrationBin, ...], FailFast()]
    mistakes: Annotated[tuple[Mistake, ...], FailFast()]


def logits(
    net: nn.Module,
    images: Tensor,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    dtype: torch.dtype = torch.float32,
    after: Callable[[slice], None] | None = None,
) -> Tensor:
    """What the net answers, in eval mode: float32 (N, classes) on the CPU.

    images: uint8 (N, C, H, W); mean, std: one a channel, on a scale of 0–1. dtype: bfloat16 computes by autocast.
    after: is called after each batch, with which of the images it held.
    The net's modes and gradients stay as they were. On a CPU images are stored channels last if the net takes them so:
    SimpleCNN answers 1.8 × as quickly in float32, 2.6 × in bfloat16.
    """
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    is_last = device.type == "cpu" and runs_channels_last(net, (images.shape[1], images.shape[2], images.shape[3]))
    answers = torch.empty(0)
    with eval_mode(net), torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        for start in range(0, len(images), BATCH):
            part = slice(start, min(start + BATCH, len(images)))
            x = normalise(images[part].to(device), mean, std)
            answer = net(channels_last(x) if is_last else x).float().cpu()
            if start == 0:  # in one block: small ones kept between the maps of batches would hold these apart for good
                answers = torch.empty(len(images), *answer.shape[1:])
            answers[part] = answer
            if after is not None:
                after(part)
    return answers


def evaluate(answers: Tensor, labels: Tensor, *, classes: Sequence[str], bins: int = 15) -> Evaluation:
    """Score logits against labels.

    answers: float (N, classes), as `logits` gives them. labels: int64 (N,). classes: their names, in the order of the
    labels. bins: of equal width, for calibration (Guo et al. 2017, §2). Raises UserError for anything else.
    """
    _require_scorable(answers, labels, classes)
    count = len(labels)
    probabilities = answers.double().softmax(dim=1)
    confidence, predicted = probabilities.max(dim=1)
    right = predicted == labels
    correct = int(right.sum())
    confusion = torch.bincount(labels * len(classes) + predicted, minlength=len(classes) ** 2)
    matrix = confusion.view(len(classes), len(classes))
    calibration = _calibration(confidence, right, bins)
    wrong = (~right).nonzero().flatten()
    wrong = wrong[confidence[wrong].argsort(descending=True, stable=True)]
    return Evaluation(
        images=count,
        accuracy=correct / count,
        accuracy_interval=wilson_interval(correct, count),
        loss=float(F.cross_entropy(answers.double(), labels)),
        ece=sum(part.images / count * abs(part.accuracy - part.confidence) for part in calibration),
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        per_class=tuple(class_figures(name, matrix, i) for i, name in enumerate(classes)),
        calibration=calibration,
        mistakes=tuple(Mistake(i, int(labels[i]), int(predicted[i]), float(confidence[i])) for i in wrong.tolist()),
    )


def fit_temperature(answers: Tensor, labels: Tensor) -> float:
    """What logits are to be divided by for probabilities that are as often right as they say (Guo et al. 2017, §4.2).

    answers: float (N, classes). labels: int64 (N,). Returns the temperature of the least mean cross-entropy, found by
    golden-section search in double precision, from 1/20 to 20: without a mistake among them it would go to 0. Which
    class has the largest probability does not change.
    """
    values = answers.double()

    def loss(log_temperature: float) -> float:
        return float(F.cross_entropy(values / math.exp(log_temperature), labels))

    low, high, ratio = -math.log(20), math.log(20), (math.sqrt(5) - 1) / 2
    inner, outer = high - ratio * (high - low), low + ratio * (high - low)
    at_inner, at_outer = loss(inner), loss(outer)
    while high - low > 1e-6:
        if at_inner <= at_outer:
            high, outer, at_outer = outer, inner, at_inner
            inner = high - ratio * (high - low)
            at_inner = loss(inner)
        else:
            low, inner, at_inner = inner, outer, at_outer
            outer = low + ratio * (high - low)
            at_outer = loss(outer)
    return math.exp((low + high) / 2)


def _require_scorable(answers: Tensor, labels: Tensor, classes: Sequence[str]) -> None:
    for what, value in (("answers", answers), ("labels", labels)):
        if not isinstance(value, Tensor):
            raise UserError(
                f"{what}: got {type(value).__name__}; expected a tensor: logits (N, classes), as "
                "cnnlab.evaluation.logits(net, images, mean=data.mean, std=data.std) gives them, and their labels (N,)"
            )
    if answers.dim() != 2 or answers.shape[1] != len(classes) or not answers.is_floating_point():
        raise UserError(
            f"answers: got {str(answers.dtype).removeprefix('torch.')} {tuple(answers.shape)} for {len(classes)} "
            f"classes; expected float logits of shape (N, {len(classes)}): one number an image and class"
        )
    if labels.shape != (len(answers),) or labels.is_floating_point() or len(labels) == 0:
        raise UserError(
            f"labels: got {str(labels.dtype).removeprefix('torch.')} {tuple(labels.shape)} for answers to "
            f"{len(answers)} images; expected as many whole numbers, shape ({len(answers)},), and at least one"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(classes):
        raise UserError(
            f"labels: got numbers from {low} to {high}; expected 0 to {len(classes) - 1} for {len(classes)} classes: "
            "name all classes, or renumber from 0"
        )


def wilson_interval(successes: int, trials: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The interval of a share that `successes` of `trials` leave open (Wilson 1927); 95 % by default.

    Unlike the plain ±1.96 standard errors it stays within 0–1 and holds near 100 %, where accuracies are.
    """
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def balanced_accuracy(evaluation: Evaluation) -> float:
    """The mean of the classes' recalls (0–1), whatever their sizes; classes without images are left out."""
    recalls = [each.recall for each in evaluation.per_class if each.images]
    return sum(recalls) / len(recalls)


def uneven(evaluation: Evaluation) -> str | None:
    """A line that says why figures of single classes come before the accuracy; None where classes are about even.

    They are uneven where the largest has more than `UNEVEN` times the images of the smallest.
    """
    largest = max(evaluation.per_class, key=lambda each: each.images)
    if largest.images <= UNEVEN * min(each.images for each in evaluation.per_class):
        return None
    share = f"{largest.images / evaluation.images:.1%}"
    by_chance = f"{1 / sum(each.images > 0 for each in evaluation.per_class):.1%}"
    return (
        f"classes are uneven: {share} of the images are {largest.name}; always answering it gives {share}, and a "
        f"balanced accuracy of {by_chance}"
    )


def class_figures(name: str, matrix: Tensor, i: int) -> ClassFigures:
    """The figures of class i by a confusion matrix, int64 (K, K)."""
    hits, images, called = int(matrix[i, i]), int(matrix[i].sum()), int(matrix[:, i].sum())
    return ClassFigures(
        name=name,
        images=images,
        precision=hits / called if called else 0.0,
        recall=hits / images if images else 0.0,
        f1=2 * hits / (images + called) if images + called else 0.0,
    )


def _calibration(confidence: Tensor, right: Tensor, bins: int) -> tuple[CalibrationBin, ...]:
    which = (confidence * bins).ceil().long().clamp(1, bins) - 1
    images = torch.bincount(which, minlength=bins)
    sure = torch.bincount(which, weights=confidence, minlength=bins)
    correct = torch.bincount(which, weights=right.double(), minlength=bins)
    first_right = [next(iter(((which == i) & right).nonzero().flatten().tolist()), None) for i in range(bins)]
    return tuple(
        CalibrationBin(
            low=i / bins,
            high=(i + 1) / bins,
            images=int(images[i]),
            confidence=float(sure[i] / images[i]) if images[i] else 0.0,
            accuracy=float(correct[i] / images[i]) if images[i] else 0.0,
            first_right=first_right[i],
        )
        for i in range(bins)
    )
