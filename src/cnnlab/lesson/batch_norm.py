"""Batch norm: one channel of SimpleCNN worked through, by the batch and by running averages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from cnnlab.experiments.two_by_two import Effect
from cnnlab.figures import Lines, Series
from cnnlab.formulas import batch_norm_inference, batch_norm_training
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.listing import Listing, listing
from cnnlab.lesson.question import Question, choice, in_other_numbers, number
from cnnlab.numbers import true_minus

#: Images of the batch in the example, and the values of a channel that are shown.
BATCH, SHOWN = 64, 5

#: Other numbers of the questions: mean, standard deviation and value; channels.
_VALUES = (
    (1.2, 0.4, 0.6),
    (-0.5, 0.2, -0.2),
    (3.0, 0.5, 1.5),
    (2.5, 1.5, 7.0),
    (-1.2, 0.8, -1.6),
    (0.6, 0.3, 0.9),
    (4.0, 2.5, 1.5),
)
_CHANNELS = (12, 16, 20, 24, 36, 40, 48)

#: Batch norm between a convolution and its ReLU. The 1 and the 32 are channels.
BLOCK = """\
from torch import nn

block = nn.Sequential(
    nn.Conv2d(1, 32, kernel_size=3, padding=1),
    nn.BatchNorm2d(32),
    nn.ReLU(),
    nn.MaxPool2d(2),
)
"""


@dataclass(frozen=True)
class BatchNorm:
    """A channel's values over a batch of m: before, normalised by the batch, and what leaves.

    running_mean, running_variance: what inference takes instead; inference: what leaves then; furthest: how far that is
    from y, at most, over the batch. spreads: of every channel, before and after the layer. block: in PyTorch.
    """

    layer: str
    channel: int
    channels: int
    m: int
    x: NDArray[np.floating]
    mu: float
    variance: float
    x_hat: NDArray[np.floating]
    gamma: float
    beta: float
    y: NDArray[np.floating]
    eps: float
    running_mean: float
    running_variance: float
    inference: NDArray[np.floating]
    furthest: float
    spreads: Lines
    block: Listing
    effect: Effect
    images: int
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> BatchNorm:
    """Normalise one channel of a batch of validation images, by the batch and by running averages."""
    cnn = evidence.simple_cnn
    layer = cnn.layers("batch_norm")[0]
    module = cnn.net.get_submodule(layer.name)
    assert isinstance(module, nn.BatchNorm2d)
    X = cnn.maps(evidence.data.validation.images[:BATCH])[layer.inputs[0]].double().numpy()
    gamma, beta, mean, variance = (
        one.detach().double().numpy()
        for one in (module.weight, module.bias, module.running_mean, module.running_var)
        if one is not None
    )
    Y, mu, sigma2 = batch_norm_training(X, gamma, beta, eps=module.eps)
    at_inference = batch_norm_inference(X, gamma, beta, mean, variance, eps=module.eps)
    channel = int(np.argmax(sigma2))
    at = (slice(0, SHOWN), channel, X.shape[2] // 2, X.shape[3] // 2)
    x_hat = (X[at] - mu[channel]) / np.sqrt(sigma2[channel] + module.eps)
    design = evidence.regularisers.two_by_two
    assert design is not None
    return BatchNorm(
        layer=layer.name,
        channel=channel,
        channels=len(gamma),
        m=X.shape[0] * X.shape[2] * X.shape[3],
        x=X[at],
        mu=float(mu[channel]),
        variance=float(sigma2[channel]),
        x_hat=x_hat,
        gamma=float(gamma[channel]),
        beta=float(beta[channel]),
        y=Y[at],
        eps=module.eps,
        running_mean=float(mean[channel]),
        running_variance=float(variance[channel]),
        inference=at_inference[at],
        furthest=float(np.abs(at_inference - Y)[:, channel].max()),
        block=listing(BLOCK, (1, 28, 28)),
        spreads=_spreads(np.sqrt(sigma2), np.sqrt(Y.var(axis=(0, 2, 3)))),
        effect=design.effects[1],
        images=evidence.regularisers.baseline.runs[0].config.data.images["train"],
        questions=(
            in_other_numbers(_normalised, _first_telling(mu, np.sqrt(sigma2)), *_VALUES),
            in_other_numbers(_parameters, (len(gamma),), *((one,) for one in _CHANNELS)),
            _alone(),
        ),
        see=(
            cnn.explorer(layer.name, "A unit after batch norm, with its four numbers filled in"),
            Link("comparison", "The four ways of homework 2", "regularisers.html"),
            cnn.report("The run of SimpleCNN"),
        ),
    )


def _spreads(before: NDArray[np.floating], after: NDArray[np.floating]) -> Lines:
    """Standard deviation of every channel, in the order of what enters."""
    order = np.argsort(before)
    return Lines(
        "Spread of each channel over the batch",
        tuple(float(i) for i in range(1, len(order) + 1)),
        "channel, by its spread before",
        "standard deviation",
        (
            Series("before batch norm", (tuple(before[order].tolist()),), shape="dots"),
            Series("after it", (tuple(after[order].tolist()),), shape="dots"),
        ),
    )


def _first_telling(means: NDArray[np.floating], deviations: NDArray[np.floating]) -> tuple[float, float, float]:
    """Mean and deviation of the first channel where they, rounded, lead wrong ways to other results than the right
    one; and a value two deviations above the mean.
    """
    rounded = ((round(float(mean), 1), round(float(one), 1)) for mean, one in zip(means, deviations, strict=True))
    mu, sigma = next((pair for pair in rounded if pair[0] and pair[1] not in (0, 1)), (0.5, 2.0))
    return mu, sigma, round(mu + 2 * sigma, 1)


def _normalised(mu: float, sigma: float, x: float) -> Question:
    answer = (x - mu) / sigma
    where = "that many" if answer > 0 else f"{_minus(-answer)}"
    return number(
        "normalised-value",
        f"In a batch a channel has mean {_minus(mu)} and standard deviation {_minus(sigma)}. What is the value "
        f"{_minus(x)} once it is normalised, before γ and β?",
        round(answer, 3),
        worked=f"({_minus(x)} − {'(' + _minus(mu) + ')' if mu < 0 else _minus(mu)})/{_minus(sigma)} = "
        f"{_minus(answer)}: {where} standard deviations {'above' if answer > 0 else 'below'} the mean (ε is too small "
        "to matter).",
        slips=[
            (round((x - mu) / sigma**2, 3), "Divide by the standard deviation, not by the variance."),
            (round(x - mu, 3), "You took off the mean; then divide by the standard deviation."),
            (round(x / sigma, 3), "First take off the mean."),
        ],
        tolerance=0.02,
    )


def _minus(value: float) -> str:
    return true_minus(f"{value:.3g}")


def _parameters(channels: int) -> Question:
    return number(
        "batch-norm-parameters",
        f"How many parameters does batch norm learn for {channels} channels?",
        2 * channels,
        worked=f"2·{channels} = {2 * channels}: γ and β for each channel. Running mean and variance are kept, too, but "
        "measured and not learnt.",
        slips=[
            (channels, "There are two for each channel: γ and β."),
            (4 * channels, "Running mean and variance are measured, not learnt."),
            (2, "Every channel has its own γ and β."),
        ],
        unit="parameters",
    )


def _alone() -> Question:
    return choice(
        "one-image-alone",
        "The trained net, in eval mode, is given a single image. By which mean and variance is it normalised?",
        "By running averages from training",
        worked="By running averages: so the answer to an image does not depend on which others are in its batch.",
        others=[
            (
                "By the image’s own",
                "The layers after it learnt to work with values normalised by a whole batch; one image’s own mean "
                "and variance can lie far from a batch’s.",
            ),
            ("By those of the last training batch", "One batch is a poor sample; averages over many are kept."),
            ("It is not normalised", "The layers after it learnt to work with normalised values."),
        ],
        place=2,
    )
