"""The full net at inference acts like the average of many thinned nets."""

from __future__ import annotations

from statistics import mean

import torch
from torch import Tensor, nn

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, over_seeds
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.words import alike, by_seed, points, seeds_to_settle
from cnnlab.data.normalise import normalise
from cnnlab.experiments.statistics import paired_difference

IMAGES, EPOCHS = 1000, 12
MASKS = (1, 3, 10, 30, 100)

#: Points within which the accuracy of the full net and of the average count as alike.
ALIKE = 0.01


def measure(laboratory: Laboratory) -> Finding:
    """Nets trained with dropout 0.5: one answer in eval mode against the mean softmax over N masks."""
    runs = laboratory.train(laboratory.plan("simple-cnn", data=f"{laboratory.data}@{IMAGES}", epochs=EPOCHS))
    full, by_masks, agreement = [], {count: [] for count in MASKS}, {count: [] for count in MASKS}
    for run in runs:
        data = laboratory.load(run.config.data.name)
        split = data.test
        x = normalise(split.images[:2000], data.mean, data.std)
        labels = split.labels[:2000]
        net = run.load_net()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.config.seed)
            answer = net(x).argmax(dim=1)
            full.append(_share(answer == labels))
            total, drawn = torch.zeros(len(x), len(data.classes)), 0
            features = net.get_submodule("features")(x)
            thinned = _with_dropout_on(net.get_submodule("classifier"))
            for count in MASKS:
                while drawn < count:
                    total += thinned(features).softmax(dim=1)
                    drawn += 1
                by_masks[count].append(_share(total.argmax(dim=1) == labels))
                agreement[count].append(_share(total.argmax(dim=1) == answer))
    most = MASKS[-1]
    effect = paired_difference(by_masks[most], full)
    one = paired_difference(by_masks[1], full)
    return Finding(
        effect=100 * effect.mean,
        unit=f"points that the mean of {most} thinned nets is better than the full net",
        interval=points(effect),
        n=effect.n,
        of="seeds",
        verdict=alike(effect, within=ALIKE),
        says=f"The full net is right on {mean(full):.2%}, the mean of {most} thinned nets on "
        f"{mean(by_masks[most]):.2%}, one "
        f"thinned net alone on {mean(by_masks[1]):.2%} ({100 * one.mean:+.2f} points). Full net and mean give the "
        f"same answer "
        f"for {mean(agreement[most]):.2%} of the images.",
        table=(
            ("masks", "accuracy of their mean", "same answer as the full net"),
            *((str(count), f"{mean(by_masks[count]):.2%}", f"{mean(agreement[count]):.2%}") for count in MASKS),
        ),
        figures=(
            Lines(
                "Accuracy of the mean over more and more thinned nets",
                tuple(map(float, MASKS)),
                "thinned nets",
                "accuracy",
                (
                    over_seeds("mean of thinned nets", zip(*by_masks.values(), strict=True)),
                    over_seeds("full net", ([one] * len(MASKS) for one in full)),
                ),
                is_share=True,
                log_x=True,
            ),
            Lines(
                "Images to which both give the same answer",
                tuple(map(float, MASKS)),
                "thinned nets",
                "share of the images",
                (over_seeds("mean of thinned nets and full net", zip(*agreement.values(), strict=True)),),
                is_share=True,
                log_x=True,
            ),
        ),
        by_seed=by_seed(effect),
        boundary=(-100 * ALIKE, 100 * ALIKE),
        seeds_to_settle=seeds_to_settle(effect, boundary=ALIKE),
    )


def _with_dropout_on(classifier: nn.Module) -> nn.Module:
    """The classifier with its dropout layers in training mode."""
    for module in classifier.modules():
        if isinstance(module, nn.Dropout):
            module.train()
    return classifier


def _share(right: Tensor) -> float:
    return float(right.double().mean())


CLAIM = Claim(
    id="dropout-ensemble",
    statement="Dropout behaves like an ensemble of thinned nets, and the full net like their average.",
    section="Dropout: Turning Off Units",
    kind="statistical",
    decides=f"supported when the accuracies of the full net and of the mean over {MASKS[-1]} masks differ by less than "
    f"{100 * ALIKE:g} point: the 95 % interval over seeds lies within ±{100 * ALIKE:g}",
    measure=measure,
)
