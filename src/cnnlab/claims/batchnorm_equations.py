"""Batch norm: the batch's statistics in training, running averages at inference."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cnnlab import formulas
from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.laboratory import Laboratory
from cnnlab.figures import Lines, Series, from_case_to_case

TOLERANCE = 1e-12
BATCHES = 10


def measure(_laboratory: Laboratory) -> Finding:
    """A layer of 5 channels fed random batches in float64, against the equations, and one image among others."""
    random = np.random.default_rng(0)
    layer = nn.BatchNorm2d(5).double()
    running_mean, running_var = (dict(layer.named_buffers())[name] for name in ("running_mean", "running_var"))
    gamma, beta = random.normal(size=5), random.normal(size=5)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(gamma))
        layer.bias.copy_(torch.from_numpy(beta))
    mean, variance = np.zeros(5), np.ones(5)
    largest = unit = 0.0
    for _ in range(BATCHES):
        X = random.normal(2, 3, size=(8, 5, 6, 7))
        Y, mu, sigma2 = formulas.batch_norm_training(X, gamma, beta)
        mean, variance = formulas.running_averages(mean, variance, mu, sigma2, m=8 * 6 * 7)
        largest = max(largest, float(np.abs(layer(torch.from_numpy(X)).detach().numpy() - Y).max()))
        x_hat = (Y - beta[:, None, None]) / gamma[:, None, None]
        unit = max(
            unit, float(np.abs(x_hat.mean(axis=(0, 2, 3))).max()), float(np.abs(x_hat.var(axis=(0, 2, 3)) - 1).max())
        )
    largest = max(largest, float(np.abs(running_mean.numpy() - mean).max()))
    largest = max(largest, float(np.abs(running_var.numpy() - variance).max()))

    image = torch.from_numpy(random.normal(size=(1, 5, 6, 7)))
    companies = [torch.from_numpy(random.normal(k, 1 + k, size=(7, 5, 6, 7))) for k in range(3)]
    with torch.no_grad():
        in_training = [layer(torch.cat([image, others]))[0] for others in companies]
        layer.eval()
        before = running_mean.clone()
        answers = [layer(torch.cat([image, others]))[0] for others in companies]
    histogram = _histogram(X[:, 0].ravel(), x_hat[:, 0].ravel())
    place = (0, 2, 3)
    in_company = Lines(
        "One value of the same image, in three batches",
        tuple(f"batch {name}" for name in "ABC"),
        "",
        "value of one unit",
        (
            from_case_to_case("in training", *([float(one[place])] for one in in_training)),
            from_case_to_case("at inference", *([float(one[place])] for one in answers)),
        ),
    )
    alone = max(float((answer - answers[0]).abs().max()) for answer in answers)
    moved = max(float((answer - in_training[0]).abs().max()) for answer in in_training)
    is_still = torch.equal(running_mean, before)
    return Finding(
        effect=largest,
        unit="largest deviation",
        interval=None,
        n=BATCHES,
        of="batches",
        verdict="supported" if largest <= TOLERANCE and alone == 0 and is_still else "not supported",
        says=f"Over {BATCHES} batches layer and equations, running averages included, differ by at most "
        f"{largest:.0e}; the "
        f"normalised values have mean 0 and variance 1 to {unit:.0e} (ε takes its share of the variance). At "
        f"inference one "
        f"image gets the same answer in any company (differences up to {alone:.1g}); in training the others in its "
        f"batch "
        f"move it by up to {moved:.1f}. As PyTorch has it, the running variance divides by m − 1, the batch's own by "
        f"m.",
        figures=(histogram, in_company),
    )


def _histogram(before: NDArray[np.float64], after: NDArray[np.float64]) -> Lines:
    """How one feature's values lie before and after it is normalised."""
    edges = np.arange(-8, 12.5, 1.0)
    shares = [np.histogram(values, edges)[0] / len(values) for values in (before, after)]
    return Lines(
        "One feature over a batch",
        tuple(map(float, edges[:-1])),
        "value",
        "share of the values",
        tuple(
            Series(name, (tuple(map(float, share)),), shape="steps")
            for name, share in zip(("x", "x̂, normalised"), shares, strict=True)
        ),
        is_share=True,
    )


CLAIM = Claim(
    id="batchnorm-equations",
    statement="In training a feature is normalised by its batch, at inference by running averages.",
    section="BatchNorm: Equations",
    kind="exact",
    decides=f"supported when layer and equations differ by no more than {TOLERANCE:.0e} and, at inference, an image's "
    "answer does not depend on its batch at all",
    measure=measure,
)
