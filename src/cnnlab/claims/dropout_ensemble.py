"""The full net at inference acts like the average of many thinned nets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import torch
import torch.nn.functional as F
from torch import nn

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.judging import (
    Control,
    Judged,
    Smallest,
    VerdictWord,
    all_of,
    controlled,
    judge_alike,
    seeds_to_settle,
)
from cnnlab.claims.laboratory import Laboratory
from cnnlab.data.imageset import ImageSet
from cnnlab.data.normalise import normalise
from cnnlab.experiments.statistics import paired_difference
from cnnlab.figures import Lines, Series, over_seeds
from cnnlab.runs import Run

#: Training images and passes over them: nets that dropout-regularises has trained, too.
IMAGES, EPOCHS, RATE = 2000, 4, 0.001
MASKS = (1, 3, 10, 30, 100)

#: Share of units that a mask turns off.
DROPPED = 0.5

#: Most validation images that are asked about.
ASKED = 2000

SMALLEST = Smallest(0.02, "nats", "about a tenth of the validation loss of such nets: less would not be noticed")
SMALLEST_POINTS = Smallest(1.0, "points", "a thinned net alone loses several")


@dataclass(frozen=True)
class Averaged:
    """Full nets and means of their thinned nets on validation images: losses in nats, accuracies and agreement 0–1.

    full_*: one value a seed. mean_*, agreement: for every number of masks one value a seed.
    """

    full_loss: Sequence[float]
    full_accuracy: Sequence[float]
    mean_loss: Sequence[Sequence[float]]
    mean_accuracy: Sequence[Sequence[float]]
    agreement: Sequence[Sequence[float]]


def measure(laboratory: Laboratory) -> Finding:
    """Nets trained with dropout and without: one answer in eval mode against the mean softmax over N masks."""
    base = laboratory.plan("simple-cnn", data=f"{laboratory.data}@{IMAGES}", epochs=EPOCHS)
    plans = [base.with_net(dropout=share).with_changes(learning_rate=RATE) for share in (DROPPED, 0.0)]
    found = [[run for run in of_plan if run is not None] for of_plan in laboratory.train_all(plans)]
    laboratory.bring_back_weights([run for of_plan in found for run in of_plan])
    with_dropout, without = (average(of_plan, laboratory.load(base.data)) for of_plan in found)
    return decide(with_dropout, without)


def average(runs: Sequence[Run], data: ImageSet) -> Averaged:
    """Ask full nets and means of their thinned nets about the same validation images."""
    images, labels = data.validation.images[:ASKED], data.validation.labels[:ASKED]
    by_seed = [_of_one(run.load_net(), images, labels, data, run.config.seed) for run in runs]
    full_loss, full_accuracy, *by_masks = zip(*by_seed, strict=True)
    loss, accuracy, agreement = (tuple(zip(*of_seeds, strict=True)) for of_seeds in by_masks)
    return Averaged(full_loss, full_accuracy, loss, accuracy, agreement)


def _of_one(
    net: nn.Module, images: torch.Tensor, labels: torch.Tensor, data: ImageSet, seed: int
) -> tuple[float, float, list[float], list[float], list[float]]:
    x = normalise(images, data.mean, data.std)
    losses, accuracies, agreements = [], [], []
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        full = net(x).double().log_softmax(dim=1)
        features = net.get_submodule("features")(x)
        classifier = net.get_submodule("classifier")
        for module in classifier.modules():
            if isinstance(module, nn.Dropout):
                module.p = DROPPED
                module.train()
        total, drawn = torch.zeros_like(full), 0
        for count in MASKS:
            while drawn < count:
                total += classifier(features).double().softmax(dim=1)
                drawn += 1
            losses.append(float(F.nll_loss((total / count).log(), labels)))
            accuracies.append(_share(total.argmax(dim=1) == labels))
            agreements.append(_share(total.argmax(dim=1) == full.argmax(dim=1)))
    return float(F.nll_loss(full, labels)), _share(full.argmax(dim=1) == labels), losses, accuracies, agreements


def alike(nets: Averaged) -> tuple[VerdictWord, Judged, Judged]:
    """The claim's rule: the mean over most masks against the full net, in loss (nats) and in accuracy (points)."""
    loss = judge_alike(paired_difference(nets.mean_loss[-1], nets.full_loss), SMALLEST)
    accuracy = judge_alike(paired_difference(nets.mean_accuracy[-1], nets.full_accuracy), SMALLEST_POINTS, scale=100)
    return all_of([loss.verdict, accuracy.verdict]), loss, accuracy


def decide(with_dropout: Averaged, without: Averaged) -> Finding:
    """The finding, from nets trained with dropout and, as control, without."""
    most = MASKS[-1]
    verdict, loss, accuracy = alike(with_dropout)
    control_verdict, control_loss, control_accuracy = alike(without)
    control = Control(
        "nets trained without dropout",
        control_loss.effect,
        control_loss.interval,
        control_loss.n,
        control_verdict,
    )
    one = mean(with_dropout.mean_accuracy[0]) - mean(with_dropout.full_accuracy)
    return Finding(
        effect=loss.effect,
        unit=f"nats by which the loss of the mean of {most} thinned nets is above the full net's",
        interval=loss.interval,
        n=loss.n,
        of="seeds",
        verdict=controlled(verdict, control),
        says=f"Validation loss is {mean(with_dropout.full_loss):.3f} nats for the full net and "
        f"{mean(with_dropout.mean_loss[-1]):.3f} for the mean of {most} thinned nets; they are right on "
        f"{mean(with_dropout.full_accuracy):.2%} and {mean(with_dropout.mean_accuracy[-1]):.2%} "
        f"({accuracy.effect:+.2f} points), one thinned net alone {100 * one:+.2f} points from the full net. Both give "
        f"the same answer for {mean(with_dropout.agreement[-1]):.2%} of the images. For nets trained without dropout "
        f"the losses are {mean(without.full_loss):.3f} and {mean(without.mean_loss[-1]):.3f}, the accuracies "
        f"{control_accuracy.effect:+.2f} points apart.",
        table=(
            ("trained", "masks", "loss of their mean", "accuracy of their mean", "same answer as the full net"),
            *(row for name, nets in _named(with_dropout, without) for row in _rows(name, nets)),
        ),
        figures=(
            Lines(
                "Loss of the mean over more and more thinned nets",
                tuple(map(float, MASKS)),
                "thinned nets",
                "validation loss, nats",
                tuple(_series("loss", with_dropout, without)),
                log_x=True,
            ),
            Lines(
                "Accuracy of the mean over more and more thinned nets",
                tuple(map(float, MASKS)),
                "thinned nets",
                "validation accuracy",
                tuple(_series("accuracy", with_dropout, without)),
                is_share=True,
                log_x=True,
            ),
        ),
        by_seed=loss.by_seed,
        boundary=(-SMALLEST.value, SMALLEST.value),
        controls=(control,),
        judged=loss,
        seeds_to_settle=seeds_to_settle(loss, boundary=SMALLEST.value),
    )


def _named(with_dropout: Averaged, without: Averaged) -> tuple[tuple[str, Averaged], ...]:
    return ("with dropout", with_dropout), ("without", without)


def _rows(name: str, nets: Averaged) -> list[tuple[str, ...]]:
    by_masks = zip(MASKS, nets.mean_loss, nets.mean_accuracy, nets.agreement, strict=True)
    means = [
        (name, str(count), f"{mean(loss):.3f}", f"{mean(accuracy):.2%}", f"{mean(same):.2%}")
        for count, loss, accuracy, same in by_masks
    ]
    return [*means, (name, "full net", f"{mean(nets.full_loss):.3f}", f"{mean(nets.full_accuracy):.2%}", "")]


def _series(what: str, with_dropout: Averaged, without: Averaged) -> list[Series]:
    series = []
    for name, nets in _named(with_dropout, without):
        means, full = getattr(nets, f"mean_{what}"), getattr(nets, f"full_{what}")
        series.append(over_seeds(f"mean of thinned nets, trained {name}", zip(*means, strict=True)))
        series.append(over_seeds(f"full net, trained {name}", ([one] * len(MASKS) for one in full)))
    return series


def _share(right: torch.Tensor) -> float:
    return float(right.double().mean())


CLAIM = Claim(
    id="dropout-ensemble",
    statement="Dropout behaves like an ensemble of thinned nets, and the full net like their average.",
    section="Dropout: Turning Off Units",
    kind="statistical",
    decides=f"supported when, on validation images, the full net and the mean over {MASKS[-1]} masks are alike for "
    f"nets trained with dropout: the 95 % interval of the difference lies within ±{SMALLEST.value:g} nats in loss and "
    f"±{SMALLEST_POINTS.value:g} point in accuracy; not supported when one lies outside; undecided, too, when nets "
    "trained without dropout pass the same rule",
    measure=measure,
    smallest=SMALLEST,
)
