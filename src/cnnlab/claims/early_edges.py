"""Early filters respond to edges, deep ones to classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnlab.claims.claim import Claim, Finding, found_over_seeds
from cnnlab.claims.judging import Control, Judged, Smallest, all_of, judge
from cnnlab.claims.laboratory import Laboratory
from cnnlab.data.imageset import ImageSet
from cnnlab.data.normalise import normalise
from cnnlab.experiments.statistics import paired_difference
from cnnlab.figures import Lines, Map, Maps, from_case_to_case

#: Training images at most where a laboratory takes few; else all there are.
QUICK_IMAGES = 4000

#: Share of gradients in a random filter's energy: two of nine dimensions.
CHANCE = 2 / 9

EDGES = Smallest(5.0, "points", "a quarter more edge than chance can be seen in the filters; less cannot")
CLASSES = Smallest(1.0, "point", "a point of accuracy is what layers are told apart by; less would be a detail")

#: Side that maps are averaged down to before the probe, so that every layer offers it as many places.
PLACES = 4

#: Channels that the probe sees of a layer, drawn at random: every layer offers it as many numbers.
CHANNELS = 32


@dataclass(frozen=True)
class Nets:
    """What was measured of some nets, one value a seed, 0–1.

    edges: share of gradients in the first layer's filters. first, last: accuracy of a linear probe on the first and on
    the last block's maps.
    """

    edges: Sequence[float]
    first: Sequence[float]
    last: Sequence[float]

    @property
    def gain(self) -> list[float]:
        """How much better the probe reads the last block than the first, seed by seed."""
        return [last - first for first, last in zip(self.first, self.last, strict=True)]


def judge_nets(nets: Nets, untrained: Nets) -> tuple[Judged, Judged]:
    """The claim's rule on some nets: their edges against chance, and the probe's gain against untrained nets'."""
    return (
        judge(paired_difference(nets.edges, [CHANCE] * len(nets.edges)), EDGES, scale=100),
        judge(paired_difference(nets.gain, untrained.gain), CLASSES, scale=100),
    )


def decide(trained: Nets, untrained: Nets, others: Nets) -> tuple[Judged, Judged, tuple[Control, Control]]:
    """Judge edges and classes of trained nets, and as the controls those of `others`: untrained nets of other seeds."""
    edges, classes = judge_nets(trained, untrained)
    of_edges, of_classes = judge_nets(others, untrained)
    return (
        edges,
        classes,
        (
            Control.of("the share of gradient above chance, in points, in untrained nets", of_edges),
            Control.of("the probe's gain from block to block, untrained nets against other untrained ones", of_classes),
        ),
    )


def measure(laboratory: Laboratory) -> Finding:
    """The gradient share of first-layer filters and a linear probe on each block, in trained and in untrained nets."""
    whole = laboratory.train_size is None
    name = laboratory.data if whole else laboratory.at_most(laboratory.data, QUICK_IMAGES)
    plan = laboratory.plan("simple-cnn", data=name)
    runs = laboratory.train(plan)
    laboratory.bring_back_weights(runs)
    data = laboratory.load(name)
    trained = [(run.load_net(), run.config.seed) for run in runs]
    untrained, others = (
        [(plan.meet(data, seed)[1].eval(), seed) for seed in seeds]
        for seeds in (laboratory.seeds, laboratory.other_seeds)
    )
    after, before, control = (_measured(nets, data) for nets in (trained, untrained, others))
    edges, classes, controls = decide(after, before, control)
    return found_over_seeds(
        classes,
        unit="points by which training widens a linear probe’s lead in the second block over the first",
        verdict=all_of((edges.verdict, classes.verdict)),
        controls=controls,
        says=f"Of a first-layer filter's energy {mean(after.edges):.0%} is gradient, that is edge, after training on "
        f"{len(data.train):,} images and {mean(before.edges):.0%} before, {CHANCE:.0%} by chance: {edges.verdict}. "
        f"From {CHANNELS} channels of a block a linear probe gets {mean(after.first):.1%} of validation images right "
        f"in the first and {mean(after.last):.1%} in the second; in untrained nets {mean(before.first):.1%} and "
        f"{mean(before.last):.1%}: {classes.verdict}.",
        table=(
            ("nets", "share of gradient", "probe, first block", "probe, second block"),
            *(
                (name, f"{mean(of.edges):.1%}", f"{mean(of.first):.1%}", f"{mean(of.last):.1%}")
                for name, of in (("trained", after), ("untrained", before), ("untrained, other seeds", control))
            ),
        ),
        figures=(
            _filters(untrained[-1][0], trained[-1][0]),
            Lines(
                "Edge in the first layer's filters",
                ("before training", "after"),
                "",
                "share of gradient",
                (from_case_to_case("each seed", before.edges, after.edges),),
                levels=(
                    (CHANCE, "by chance"),
                    (CHANCE + EDGES.value / 100, "5 points above: the smallest that matters"),
                ),
                is_share=True,
            ),
            Lines(
                "What a linear probe reads",
                ("first block", "second block"),
                "",
                "accuracy of the probe",
                (
                    from_case_to_case("trained", after.first, after.last),
                    from_case_to_case("untrained", before.first, before.last),
                ),
                is_share=True,
            ),
        ),
    )


def _measured(nets: Sequence[tuple[nn.Module, int]], data: ImageSet) -> Nets:
    """Edges and probes of nets, each given with its seed."""
    seen = [normalise(split.images[:2000], data.mean, data.std) for split in (data.train, data.validation)]
    labels = [split.labels[:2000].numpy() for split in (data.train, data.validation)]
    first, last = (
        [
            _probe(_features(net, seen[0], depth, seed), labels[0], _features(net, seen[1], depth, seed), labels[1])
            for net, seed in nets
        ]
        for depth in (4, 8)
    )
    return Nets([_gradient_share(net) for net, _ in nets], first, last)


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
    decides="supported when after training the share of gradients in the first layer's filters is at least 5 points "
    "above chance (2 of 9), and a linear probe gains at least 1 point more from the first block to the second than in "
    "untrained nets, both 95 % intervals over seeds excluding no effect, and untrained nets of other seeds pass "
    "neither; not supported when one of the intervals lies below what matters",
    measure=measure,
    smallest=CLASSES,
)
