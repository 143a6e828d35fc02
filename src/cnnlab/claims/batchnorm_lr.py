"""Batch norm allows higher learning rates."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10
from statistics import mean

import torch

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, over_seeds
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.words import decided, seeds_to_settle
from cnnlab.data.normalise import normalise
from cnnlab.experiments.plan import Plan
from cnnlab.experiments.statistics import Difference, paired_difference
from cnnlab.experiments.variants import VARIANTS
from cnnlab.runs import Run

#: Optimizer → the learning rates it is tried at, in steps of about three: from where all nets train to where none does.
RATES = {
    "sgd": (1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0),
    "adam": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1),
}
#: What they are called.
NAMES = {"sgd": "SGD with momentum 0.9", "adam": "Adam"}
IMAGES, EPOCHS = 500, 8

#: Validation accuracy from which a net counts as trained: well above chance, below what a good rate gives.
TRAINED = 0.7


@dataclass(frozen=True)
class _Rates:
    """An optimizer's nets. accuracies: with or without batch norm → seed → rate. difference: of log₁₀ highest rates."""

    optimizer: str
    accuracies: dict[str, list[tuple[float, ...]]]

    def highest(self, name: str) -> list[float]:
        """log₁₀ of the highest rate that trains, by seed; a third of the lowest where none does."""
        rates = RATES[self.optimizer]
        return [
            log10(
                max(
                    (r for r, accuracy in zip(rates, of_seed, strict=True) if accuracy >= TRAINED), default=rates[0] / 3
                )
            )
            for of_seed in self.accuracies[name]
        ]

    @property
    def difference(self) -> Difference:
        return paired_difference(self.highest("with"), self.highest("without"), resolution=log10(3))

    @property
    def words(self) -> str:
        """What the optimizer's nets came to."""
        ratio = self.difference
        between = "" if ratio.low is None or ratio.high is None else f" [{10**ratio.low:.2g}, {10**ratio.high:.2g}]"
        return (
            f"With {NAMES[self.optimizer]} nets with batch norm still reach {TRAINED:.0%} validation accuracy at rates "
            f"of up to {10 ** mean(self.highest('with')):.2g} (geometric mean over seeds), nets without up to "
            f"{10 ** mean(self.highest('without')):.2g}: {10**ratio.mean:.2g} times as high{between}"
        )

    @property
    def figure(self) -> Lines:
        return Lines(
            f"Validation accuracy at rising learning rates: {NAMES[self.optimizer]}",
            RATES[self.optimizer],
            "learning rate",
            "validation accuracy",
            (over_seeds("with batch norm", self.accuracies["with"]), over_seeds("without", self.accuracies["without"])),
            levels=((TRAINED, f"{TRAINED:.0%}: counts as trained"),),
            is_share=True,
            log_x=True,
        )


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN without dropout at rising rates, with and without batch norm: the highest that still trains."""
    base = laboratory.plan("simple-cnn", data=f"{laboratory.data}@{IMAGES}", epochs=EPOCHS).with_net(dropout=0.0)
    nets = {"with": base, "without": VARIANTS["no-batchnorm"].change(base)}
    cells = [(optimizer, name, rate) for optimizer, rates in RATES.items() for name in nets for rate in rates]
    trained = laboratory.train_all(
        [nets[name].with_changes(optimizer=optimizer, learning_rate=rate) for optimizer, name, rate in cells]
    )
    by_cell = dict(zip(cells, trained, strict=True))
    sgd, adam = (
        _Rates(
            optimizer,
            {
                name: list(
                    zip(*([_accuracy(run) for run in by_cell[optimizer, name, rate]] for rate in rates), strict=True)
                )
                for name in nets
            },
        )
        for optimizer, rates in RATES.items()
    )
    effect = sgd.difference
    size = {
        name: mean(_dense_input(plan, laboratory, seed) for seed in laboratory.seeds) for name, plan in nets.items()
    }
    dense_input = (
        "Only the convolutions are normalised, not the dense layers behind them: at the start these are handed numbers "
        f"of root mean square {size['with']:.2f} with batch norm and {size['without']:.2f} without, so that at one "
        f"rate their first steps are {'larger' if size['with'] > size['without'] else 'smaller'} with it."
    )
    return Finding(
        effect=10**effect.mean,
        unit="times as high is the highest learning rate of SGD that still trains",
        interval=None if effect.low is None or effect.high is None else (10**effect.low, 10**effect.high),
        n=effect.n,
        of="seeds",
        verdict=decided(effect, expected="positive"),
        says=f"{sgd.words}. {adam.words}. Rates were tried in steps of about three, so no ratio is finer. "
        f"{dense_input}",
        table=(
            ("optimizer", "learning rate", "with batch norm", "without"),
            *(
                (of.optimizer, f"{rate:g}", *(f"{mean(column):.1%}" for column in of_rate))
                for of in (sgd, adam)
                for rate, of_rate in zip(
                    RATES[of.optimizer],
                    zip(*(zip(*of.accuracies[name], strict=True) for name in nets), strict=True),
                    strict=True,
                )
            ),
        ),
        figures=(sgd.figure, adam.figure),
        by_seed=tuple(10**one for one in effect.differences),
        boundary=(1.0,),
        is_ratio=True,
        seeds_to_settle=seeds_to_settle(effect),
    )


def _dense_input(plan: Plan, laboratory: Laboratory, seed: int) -> float:
    """The root mean square of what the first dense layer of an untrained net is handed, for one batch in training."""
    data = laboratory.load(plan.data)
    _, net = plan.meet(data, seed)
    with torch.no_grad():
        maps = net.get_submodule("features").train()(normalise(data.train.images[:256], data.mean, data.std))
    return float(maps.square().mean().sqrt())


def _accuracy(run: Run | None) -> float:
    """Validation accuracy of the best epoch; 0 where the training diverged."""
    return 0.0 if run is None else run.result()["validation"]["accuracy"]


CLAIM = Claim(
    id="batchnorm-lr",
    statement="Batch norm allows higher learning rates.",
    section="Normalization: BatchNorm (Intuition)",
    kind="statistical",
    decides=f"supported when the highest rate of SGD that still reaches {TRAINED:.0%} validation accuracy is higher "
    "with batch norm, the 95 % interval of the ratio over seeds lying above 1: the statement was made of SGD (Ioffe "
    "and Szegedy 2015, §3.3); what Adam does is told beside it",
    measure=measure,
)
