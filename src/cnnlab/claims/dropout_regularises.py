"""Dropout narrows the gap between training and validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from cnnlab.claims.claim import Claim, Finding, found_over_seeds
from cnnlab.claims.judging import Control, Judged, Smallest, Where, judge
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.tuning import best_rates
from cnnlab.errors import UserError
from cnnlab.experiments.statistics import paired_difference
from cnnlab.experiments.variants import VARIANTS
from cnnlab.figures import Lines, from_case_to_case, where_it_holds
from cnnlab.runs import Run
from cnnlab.runs.plan import Plan

#: Training images → passes over them. The largest is left out of a quick round.
EPOCHS = {500: 16, 2000: 4, 10_000: 2}

#: Where the claim is decided: training accuracy is not yet 100 % without dropout, and a quick round gets there.
DECIDES_AT = 2000

#: Learning rates, of which each arm gets its own best.
RATES = (0.001, 0.003)

#: The rate of the other two regularisers, which are shown as well and decide nothing.
LESSONS_RATE = 0.001

#: Shares of units turned off: none, the lesson's, and so few that it cannot matter.
NONE, DROPOUT, HARDLY_ANY = 0.0, 0.5, 0.01

SMALLEST = Smallest(
    0.02,
    "nats",
    "about a tenth of the validation loss of such nets on a few thousand digits: less would not be noticed",
)


@dataclass(frozen=True)
class Arm:
    """What nets came to after the last epoch, one value a seed: losses in nats, accuracies 0–1, rates."""

    training_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    training: tuple[float, ...]
    validation: tuple[float, ...]
    rates: tuple[float, ...]

    @property
    def gap(self) -> tuple[float, ...]:
        """Validation loss less training loss, nats."""
        return tuple(new - seen for seen, new in zip(self.training_loss, self.validation_loss, strict=True))

    @property
    def gap_in_accuracy(self) -> tuple[float, ...]:
        """Training accuracy less validation accuracy."""
        return tuple(seen - new for seen, new in zip(self.training, self.validation, strict=True))


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN without dropout and with it, each at its own best rate, on more and more training images."""
    most = DECIDES_AT if laboratory.is_quick else len(laboratory.load(laboratory.data).train)
    sizes = [size for size in EPOCHS if size <= most]
    plans: dict[tuple[int, float | str, float], Plan] = {}
    for size in sizes:
        base = laboratory.plan("simple-cnn", data=f"{laboratory.data}@{size}", epochs=EPOCHS[size])
        for rate in RATES:
            for share in (NONE, DROPOUT, HARDLY_ANY) if size == DECIDES_AT else (NONE, DROPOUT):
                plans[size, share, rate] = base.with_net(dropout=share).with_changes(learning_rate=rate)
        if size == DECIDES_AT:
            for name in ("weight-decay", "augmentation"):
                plans[size, name, LESSONS_RATE] = VARIANTS[name].change(base.with_net(dropout=NONE))
    runs = dict(zip(plans, laboratory.train_all(list(plans.values())), strict=True))
    arms = {
        (size, way): _at_best_rates({rate: of for (n, w, rate), of in runs.items() if (n, w) == (size, way)})
        for size, way, _ in plans
    }
    return decide(arms)


def decide(arms: Mapping[tuple[int, float | str], Arm]) -> Finding:
    """The finding. arms: (training images, share of units turned off or another regulariser's name) → what came out."""
    sizes = sorted({size for size, _ in arms})
    where = Where(
        "training images",
        tuple((float(size), narrower(arms[size, NONE], arms[size, DROPOUT])) for size in sizes),
        float(DECIDES_AT),
    )
    without, with_dropout = arms[DECIDES_AT, NONE], arms[DECIDES_AT, DROPOUT]
    accuracy = paired_difference(with_dropout.validation, without.validation)
    in_points = paired_difference(without.gap_in_accuracy, with_dropout.gap_in_accuracy)
    control = Control.of(
        f"dropout of {HARDLY_ANY:.0%} of the units, too few to matter", narrower(without, arms[DECIDES_AT, HARDLY_ANY])
    )
    here = {way: arm for (size, way), arm in arms.items() if size == DECIDES_AT}
    return found_over_seeds(
        where.deciding,
        unit="nats by which dropout narrows the gap in loss",
        says=f"On {DECIDES_AT:,} training images validation loss ends {mean(without.gap):.3f} nats above training loss "
        f"without dropout and {mean(with_dropout.gap):.3f} with it, each at its own best rate; in accuracy the gap is "
        f"{100 * mean(without.gap_in_accuracy):.2f} points without and {100 * mean(with_dropout.gap_in_accuracy):.2f} "
        f"with it, {100 * in_points.mean:.2f} less. Training accuracy is {mean(without.training):.2%} without and "
        f"{mean(with_dropout.training):.2%} with it. Validation accuracy changes by {100 * accuracy.mean:+.2f} points: "
        "a narrower gap is not by itself a better net.",
        controls=(control,),
        where=where,
        table=(
            ("regulariser", "images", "rates", "training loss", "validation loss", "gap, nats", "validation accuracy"),
            *(_row(_name(way), size, arm) for (size, way), arm in arms.items()),
        ),
        figures=(
            where_it_holds("By how much dropout narrows the gap", where, "nats", SMALLEST),
            Lines(
                f"Gap of every seed, {DECIDES_AT:,} images",
                tuple(map(_name, here)),
                "regulariser",
                "validation less training loss, nats",
                (from_case_to_case("each seed", *(arm.gap for arm in here.values())),),
                levels=((0.0, ""),),
            ),
        ),
    )


def narrower(without: Arm, with_it: Arm) -> Judged:
    """The claim's rule: by how many nats the gap is narrower with something than without."""
    return judge(paired_difference(without.gap, with_it.gap), SMALLEST)


def _at_best_rates(runs: Mapping[float, Sequence[Run | None]]) -> Arm:
    """Every seed's run at the rate that the other seeds' validation accuracy chose; rates that diverge are out."""
    finished = {rate: [run for run in of_rate if run is not None] for rate, of_rate in runs.items()}
    whole = {rate: of_rate for rate, of_rate in finished.items() if len(of_rate) == len(runs[rate])}
    if not whole:
        raise UserError(
            f"the training diverged at every learning rate of {', '.join(f'{rate:g}' for rate in runs)}; expected one "
            "at which all seeds train: use other images or fewer of them"
        )
    last = {rate: [run.epochs()[-1] for run in of_rate] for rate, of_rate in whole.items()}
    rates = best_rates(
        {rate: [epoch.validation_accuracy for epoch in of_rate] for rate, of_rate in last.items()},
        {rate: [epoch.validation_loss for epoch in of_rate] for rate, of_rate in last.items()},
    )
    chosen = [last[rate][seed] for seed, rate in enumerate(rates)]
    return Arm(
        tuple(epoch.remeasured_loss for epoch in chosen),
        tuple(epoch.validation_loss for epoch in chosen),
        tuple(epoch.remeasured_accuracy for epoch in chosen),
        tuple(epoch.validation_accuracy for epoch in chosen),
        rates,
    )


def _name(way: float | str) -> str:
    if isinstance(way, str):
        return way.replace("-", " ")
    return f"dropout {way:g}" if way else "none"


def _row(name: str, size: int, arm: Arm) -> tuple[str, ...]:
    return (
        name,
        f"{size:,}",
        ", ".join(f"{rate:g}" for rate in sorted(set(arm.rates))),
        f"{mean(arm.training_loss):.3f}",
        f"{mean(arm.validation_loss):.3f}",
        f"{mean(arm.gap):.3f}",
        f"{mean(arm.validation):.2%}",
    )


CLAIM = Claim(
    id="dropout-regularises",
    statement="Dropout narrows the gap between training and validation accuracy.",
    section="Dropout: Turning Off Units",
    kind="statistical",
    decides=f"supported when, on {DECIDES_AT:,} training images, validation loss less training loss after the last "
    f"epoch is narrower with dropout {DROPOUT:g} by at least {SMALLEST.value:g} nats and the 95 % interval over seeds "
    f"lies above 0, each arm at its best rate of {', '.join(map(str, RATES))}, chosen on the other seeds' validation; "
    f"not supported when the interval lies below {SMALLEST.value:g}; undecided, too, when dropout "
    f"{HARDLY_ANY:g} passes",
    measure=measure,
    smallest=SMALLEST,
)
