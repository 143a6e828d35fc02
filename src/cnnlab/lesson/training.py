"""Training: the loss, steps and epochs, and three curves of one run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean

import numpy as np
from torch import Tensor

from cnnlab.evaluation import Evaluation, logits
from cnnlab.figures import Lines, Map, Series
from cnnlab.formulas import cross_entropy
from cnnlab.lesson.evidence import Evidence, Trained
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice, in_other_numbers, number
from cnnlab.nets import build_net
from cnnlab.runs.checkpoints import read_checkpoints
from cnnlab.training.loop import Epoch

#: What each curve is, by the field of an epoch that it draws.
CURVES = {
    "training_accuracy": "as seen while training",
    "remeasured_accuracy": "training images, measured again",
    "validation_accuracy": "validation images",
}

#: Other numbers of the questions: classes; images and batch size, none halfway between two whole numbers of batches.
_CLASSES = (2, 3, 5, 8, 20, 26, 100)
_STEPS = ((1000, 32), (5000, 96), (2000, 48), (3000, 128), (10_000, 96), (9000, 250), (1500, 20))

#: Filters of the film.
FILMED = 6


@dataclass(frozen=True)
class Frame:
    """The first convolution's filters after some of a run's steps."""

    step: int
    filters: tuple[Map, ...]


@dataclass(frozen=True)
class TrainingChapter:
    """loss_untrained: of the net with its first weights on validation images, in nats; loss_of_guessing: ln of the
    classes. film: the filters that changed most, at the moments that the run kept, and in the net of the best epoch.
    moved: how far all filters of that layer came from their first weights, as a share of these (of norms).
    """

    images: int
    batch_size: int
    steps: int
    learning_rate: float
    optimizer: str
    loss_untrained: float
    loss_of_guessing: float
    classes: int
    epochs: tuple[Epoch, ...]
    best_epoch: int
    test: Evaluation
    unlabelled: Lines
    labelled: Lines
    film: tuple[Frame, ...]
    moved: float
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> TrainingChapter:
    """Follow SimpleCNN's run: its loss before training, its steps, and its three accuracy curves."""
    cnn, data = evidence.simple_cnn, evidence.data
    config, epochs = cnn.run.config, tuple(cnn.run.epochs())
    classes, images = len(data.classes), config.data.images["train"]
    batch_size = min(config.training.batch_size, images)
    untrained = build_net(config.net, image_shape=data.image_shape, num_classes=classes, seed=config.seed)
    answers = logits(untrained, data.validation.images, mean=data.mean, std=data.std).double().numpy()
    film, moved = _film(cnn, dict(untrained.named_parameters()))
    return TrainingChapter(
        images=images,
        batch_size=batch_size,
        steps=epochs[0].steps,
        learning_rate=config.training.learning_rate,
        optimizer=config.training.optimizer,
        loss_untrained=cross_entropy(np.asarray(answers), data.validation.labels.numpy()),
        loss_of_guessing=math.log(classes),
        classes=classes,
        epochs=epochs,
        best_epoch=cnn.run.result().best_epoch,
        test=cnn.run.evaluations()["test"],
        unlabelled=_curves(epochs, ("A", "B", "C")),
        labelled=_curves(epochs, tuple(CURVES.values())),
        film=film,
        moved=moved,
        questions=(
            in_other_numbers(_loss, (classes,), *((one,) for one in _CLASSES)),
            in_other_numbers(
                _steps, (images, batch_size, epochs[0].steps), *((n, batch, round(n / batch)) for n, batch in _STEPS)
            ),
            _which(epochs),
        ),
        see=(
            cnn.report("This run: loss, confusion, calibration, mistakes"),
            cnn.explorer(cnn.layers("linear")[-1].name, "How the trained net comes to its answer"),
            Link("page", "Train a net yourself, in the browser, and watch it learn", "playground.html"),
        ),
    )


def _film(cnn: Trained, untrained: Mapping[str, Tensor]) -> tuple[tuple[Frame, ...], float]:
    """Frames, each filter at one strength in all of them, in the first channel that it reads; and how far all moved."""
    name = f"{cnn.layers('conv2d')[0].name}.weight"
    last_step = sum(epoch.steps for epoch in cnn.run.epochs()[: cnn.run.result().best_epoch])
    first, last = untrained[name].detach(), cnn.run.weights()[name]
    kept = [(one.step, one.weights[name]) for one in read_checkpoints(cnn.run) if 0 < one.step < last_step]
    moments = [(0, first), *kept, (last_step, last)]
    weights = np.stack([weight[:, 0].double().numpy() for _, weight in moments])  # (moments, filters, K, K)
    changes = np.abs(weights[-1] - weights[0]).sum(axis=(1, 2))
    shown = sorted(int(i) for i in np.argsort(-changes, kind="stable")[:FILMED])
    scales = np.abs(weights).max(axis=(0, 2, 3))
    film = tuple(
        Frame(
            step,
            tuple(Map(f"filter {i} after {step} steps", of_step[i], scale=float(scales[i]) or 1.0) for i in shown),
        )
        for (step, _), of_step in zip(moments, weights, strict=True)
    )
    return film, float((last - first).norm() / first.norm())


def _curves(epochs: tuple[Epoch, ...], names: tuple[str, ...]) -> Lines:
    return Lines(
        "Accuracy by epoch",
        tuple(float(epoch.epoch) for epoch in epochs),
        "epoch",
        "accuracy",
        tuple(
            Series(name, (tuple(getattr(epoch, measure) for epoch in epochs),))
            for name, measure in zip(names, CURVES, strict=True)
        ),
        is_share=True,
    )


def _loss(classes: int) -> Question:
    answer = math.log(classes)
    return number(
        "loss-of-guessing",
        f"A net that has learnt nothing gives each of {classes} classes the same probability. What is its "
        "cross-entropy, in nats, to two decimals?",
        round(answer, 4),
        worked=f"−ln(1/{classes}) = ln {classes} = {answer:.3f}. A loss well above that, at the start, says that "
        "something is wrong.",
        slips=[
            (1 / classes, "That is the probability; the loss is −ln of it."),
            (round(-answer, 4), "The minus before the logarithm makes it positive."),
            (round(math.log10(classes), 4), "Nats are counted with the natural logarithm."),
            (round(math.log2(classes), 4), "Those are bits; nats are counted with the natural logarithm."),
        ],
        tolerance=0.006,
    )


def _steps(images: int, batch: int, steps: int) -> Question:
    smallest, rest = divmod(images, steps)
    sizes = f"{smallest}" if rest == 0 else f"{smallest} or {smallest + 1}"
    return number(
        "steps-an-epoch",
        f"{images:,} training images in batches of about {batch}: an epoch takes each image once, spread evenly over "
        "the nearest whole number of batches. How many steps is one epoch?",
        steps,
        worked=f"{images:,} / {batch} = {images / batch:g}, and the nearest whole number is {steps:,}: {sizes} images "
        "in each step, and none is left out.",
        slips=[
            (-(-images // batch), "That makes one batch more than the nearest whole number."),
            (images // batch, "That leaves images out: the nearest whole number is one more."),
            (images, "Every step takes a whole batch."),
            (batch, "That is how many images a step takes."),
            (images * batch, "Images are shared out among the steps: divide."),
        ],
        unit="steps",
    )


def _which(epochs: tuple[Epoch, ...]) -> Question:
    seen, again, new = (
        mean(getattr(epoch, measure) for epoch in epochs)
        for measure in ("training_accuracy", "remeasured_accuracy", "validation_accuracy")
    )
    says = ["A is “as seen while training”", "B is “as seen while training”", "C is “as seen while training”"]
    below = (
        "It lies below the same images measured again"
        if seen < again
        else "It does not lie below the same images measured again, as it mostly does"
    )
    return choice(
        "which-of-three",
        "One run, three curves: accuracy as seen while training (dropout on, weights still moving), on the same images "
        "measured again after each epoch, and on validation images. Which one is “as seen while training”?",
        says[0],
        worked=f"Mean over epochs: A {seen:.1%}, B {again:.1%} (measured again), C {new:.1%} (validation). {below}: "
        "it is an average over the whole epoch, and dropout turns units off in it. So training below validation is no "
        "sign of anything wrong.",
        others=[
            (says[1], "B is the training images measured again, in eval mode: dropout is off, the epoch is over."),
            (says[2], "C is validation: images that no step was made with."),
        ],
        place=0,
    )
