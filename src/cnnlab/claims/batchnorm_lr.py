"""Batch norm allows higher learning rates."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from statistics import mean

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, over_seeds
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.words import decided, seeds_to_settle
from cnnlab.experiments.statistics import paired_difference
from cnnlab.experiments.variants import VARIANTS
from cnnlab.runs import Run

RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
IMAGES, EPOCHS = 500, 8

#: Validation accuracy from which a net counts as trained: well above chance, below what a good rate gives.
TRAINED = 0.7


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN without dropout at rising rates of Adam, with and without batch norm: the highest that still trains."""
    base = laboratory.plan("simple-cnn", data=f"{laboratory.data}@{IMAGES}", epochs=EPOCHS).with_net(dropout=0.0)
    plans = {"with": base, "without": VARIANTS["no-batchnorm"].change(base)}
    runs = laboratory.train_all([plan.with_changes(learning_rate=rate) for plan in plans.values() for rate in RATES])
    accuracies = {}  # with or without → seed → rate
    for i, name in enumerate(plans):
        by_rate_and_seed = [[_accuracy(run) for run in of_rate] for of_rate in runs[i * len(RATES) :][: len(RATES)]]
        accuracies[name] = list(zip(*by_rate_and_seed, strict=True))
    highest = {name: [log10(_highest(of_seed)) for of_seed in of_all] for name, of_all in accuracies.items()}
    effect = paired_difference(highest["with"], highest["without"], resolution=log10(3))
    interval = None if effect.low is None or effect.high is None else (10**effect.low, 10**effect.high)
    by_rate = {name: [mean(column) for column in zip(*of_all, strict=True)] for name, of_all in accuracies.items()}
    return Finding(
        effect=10**effect.mean,
        unit="times as high is the highest learning rate that still trains",
        interval=interval,
        n=effect.n,
        of="seeds",
        verdict=decided(effect, expected="positive"),
        says=f"With batch norm nets still reach {TRAINED:.0%} validation accuracy at rates of up to "
        f"{10 ** mean(highest['with']):.2g} (geometric mean over seeds), without it up to "
        f"{10 ** mean(highest['without']):.2g}. Rates were tried in steps of about three, so the ratio is no finer.",
        table=(
            ("learning rate", "with batch norm", "without"),
            *(
                (f"{rate:g}", f"{of_with:.1%}", f"{of_without:.1%}")
                for rate, of_with, of_without in zip(RATES, by_rate["with"], by_rate["without"], strict=True)
            ),
        ),
        figures=(
            Lines(
                "Validation accuracy at rising learning rates",
                RATES,
                "learning rate of Adam",
                "validation accuracy",
                (over_seeds("with batch norm", accuracies["with"]), over_seeds("without", accuracies["without"])),
                levels=((TRAINED, f"{TRAINED:.0%}: counts as trained"),),
                is_share=True,
                log_x=True,
            ),
        ),
        by_seed=tuple(10**one for one in effect.differences),
        boundary=(1.0,),
        is_ratio=True,
        seeds_to_settle=seeds_to_settle(effect),
    )


def _accuracy(run: Run | None) -> float:
    """Validation accuracy of the best epoch; 0 where the training diverged."""
    return 0.0 if run is None else run.result()["validation"]["accuracy"]


def _highest(accuracies: Sequence[float]) -> float:
    """The highest rate that trains; a third of the lowest where none does."""
    trained = [rate for rate, accuracy in zip(RATES, accuracies, strict=True) if accuracy >= TRAINED]
    return max(trained, default=RATES[0] / 3)


CLAIM = Claim(
    id="batchnorm-lr",
    statement="Batch norm allows higher learning rates.",
    section="Normalization: BatchNorm (Intuition)",
    kind="statistical",
    decides=f"supported when the highest rate of Adam that still reaches {TRAINED:.0%} validation accuracy is higher "
    f"with "
    "batch norm, the 95 % interval of the ratio over seeds lying above 1",
    measure=measure,
)
