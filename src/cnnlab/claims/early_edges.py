"""Early filters respond to edges, deep ones to classes."""

from __future__ import annotations

from statistics import mean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, Map, Maps, from_case_to_case
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.words import by_seed, decided, points, seeds_to_settle
from cnnlab.data.normalise import normalise
from cnnlab.experiments.statistics import paired_difference

IMAGES, EPOCHS = 1000, 8

#: Side that maps are averaged down to before the probe, so that every layer offers it as many places.
PLACES = 4

#: Channels that the probe sees of a layer, drawn at random: every layer offers it as many numbers.
CHANNELS = 32


def measure(laboratory: Laboratory) -> Finding:
    """The gradient share of first-layer filters before and after training, and a linear probe on each layer."""
    runs = laboratory.train(laboratory.plan("simple-cnn", data=f"{laboratory.data}@{IMAGES}", epochs=EPOCHS))
    untrained, trained, first, last = [], [], [], []
    for run in runs:
        data = laboratory.load(run.config.data.name)
        _, initial = laboratory.plan("simple-cnn", data=data.name).meet(data, run.config.seed)
        net = run.load_net()
        untrained.append(_gradient_share(initial))
        trained.append(_gradient_share(net))
        seen = [normalise(split.images[:2000], data.mean, data.std) for split in (data.train, data.validation)]
        labels = [split.labels[:2000].numpy() for split in (data.train, data.validation)]
        for depth, found in ((4, first), (8, last)):
            features = [_features(net, x, depth, run.config.seed) for x in seen]
            found.append(_probe(features[0], labels[0], features[1], labels[1]))
    edges = paired_difference(trained, untrained)
    classes = paired_difference(last, first)
    of_edges, of_classes = decided(edges, expected="positive"), decided(classes, expected="positive")
    words = {of_edges, of_classes}
    return Finding(
        effect=100 * classes.mean,
        unit="points that a linear probe reads the class better from the second block than from the first",
        interval=points(classes),
        n=classes.n,
        of="seeds",
        verdict="supported" if words == {"supported"} else "not supported" if "not supported" in words else "undecided",
        says=f"Of a first-layer filter's energy {mean(trained):.0%} is gradient, that is edge, after training and "
        f"{mean(untrained):.0%} before (2 of 9 dimensions are gradients: 22 % by chance): {of_edges}. A linear probe "
        f"tells "
        f"{mean(first):.1%} of validation images from {CHANNELS} channels of the first block and {mean(last):.1%} from "
        f"as many of the second: {of_classes}.",
        figures=(
            _filters(initial, net),
            Lines(
                "Edge in the first layer's filters",
                ("before training", "after"),
                "",
                "share of gradient",
                (from_case_to_case("each seed", untrained, trained),),
                levels=((2 / 9, "by chance"),),
                is_share=True,
            ),
            Lines(
                "What a linear probe reads",
                ("first block", "second block"),
                "",
                "accuracy of the probe",
                (from_case_to_case("each seed", first, last),),
                is_share=True,
            ),
        ),
        by_seed=by_seed(classes),
        seeds_to_settle=seeds_to_settle(classes),
    )


def _filters(initial: nn.Module, trained: nn.Module) -> Maps:
    """Those first-layer filters that are most of a gradient after training, before and after it."""
    before, after = (
        dict(net.named_parameters())["features.0.weight"].detach().double()[:, 0].numpy() for net in (initial, trained)
    )
    order = sorted(range(len(after)), key=lambda i: -_share_of(after[i]))[:6]
    scale = float(np.abs(np.stack([before[order], after[order]])).max())
    return Maps(
        f"The {len(order)} of {len(after)} filters that came to be most of a gradient, before training and after; "
        "per cent: their share of gradient",
        tuple(
            Map(f"{when}, {_share_of(filters[i]):.0%}", filters[i], scale=scale)
            for when, filters in (("before", before), ("after", after))
            for i in order
        ),
    )


#: The two planes of constant slope, down and across, of length 1.
_SLOPES = tuple(slope / 6**0.5 for slope in np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]))


def _share_of(filter_: NDArray[np.float64]) -> float:
    """The share of a 3×3 filter's energy that lies in the planes."""
    return float(sum((filter_ * slope).sum() ** 2 for slope in _SLOPES) / (filter_**2).sum())


def _gradient_share(net: nn.Module) -> float:
    """The share of 3×3 filters' energy that lies in the two planes of constant slope, mean over filters."""
    filters = dict(net.named_parameters())["features.0.weight"].detach().double()  # (32, C, 3, 3)
    return mean(_share_of(one) for one in filters.flatten(0, 1).numpy())


def _features(net: nn.Module, x: Tensor, depth: int, seed: int) -> NDArray[np.float64]:
    """(N, CHANNELS · PLACES²): the maps after the first `depth` layers, averaged down, a draw of channels."""
    layers = list(net.get_submodule("features").children())[:depth]
    with torch.no_grad():
        maps = nn.Sequential(*layers)(x)
    chosen = torch.randperm(maps.shape[1], generator=torch.Generator().manual_seed(seed))[:CHANNELS]
    return nn.functional.adaptive_avg_pool2d(maps[:, chosen], PLACES).flatten(1).double().numpy()


def _probe(
    features: NDArray[np.float64], labels: NDArray[np.int64], others: NDArray[np.float64], truth: NDArray[np.int64]
) -> float:
    """Accuracy on `others` of a linear classifier, ridge regression to one-hot labels, fitted on `features`."""
    mean_, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    A, B = (np.c_[(X - mean_) / scale, np.ones(len(X))] for X in (features, others))
    targets = np.eye(labels.max() + 1)[labels]
    weights = np.linalg.solve(A.T @ A + 0.01 * len(A) * np.eye(A.shape[1]), A.T @ targets)
    return float(((B @ weights).argmax(axis=1) == truth).mean())


CLAIM = Claim(
    id="early-edges",
    statement="Early layers respond to edges, deeper ones to what makes a class.",
    section="Convolution: Local Receptive Fields",
    kind="statistical",
    decides="supported when training raises the share of gradients in the first layer's filters and a linear probe "
    "reads "
    "the class better from the second block's maps than from as many of the first's, both 95 % intervals over seeds "
    "above 0",
    measure=measure,
)
