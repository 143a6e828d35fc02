"""Dropout narrows the gap between training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, from_case_to_case
from cnnlab.claims.laboratory import Laboratory, to
from cnnlab.claims.words import by_seed, decided, points, seeds_to_settle
from cnnlab.config import NetSpec
from cnnlab.experiments.compare import VariantFigures
from cnnlab.experiments.statistics import paired_difference
from cnnlab.experiments.variants import VARIANTS

#: Training images: little data, where there is something to narrow; and passes over them. The claim is decided there.
IMAGES, EPOCHS = 500, 16


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN by the lesson's recipe without dropout, with it, and with two other regularisers; and on more data."""
    plan = laboratory.plan("simple-cnn", data=f"{laboratory.data}@{IMAGES}", epochs=EPOCHS)
    base = plan.with_net(dropout=0.0)
    whole = {"data": laboratory.sized(laboratory.data), "epochs": laboratory.epochs}
    found = laboratory.compare(
        base,
        [
            *(VARIANTS[name] for name in ("dropout", "weight-decay", "augmentation")),
            to("none, more data", **whole),
            to("dropout, more data", net=NetSpec(name="simple-cnn"), **whole),
        ],
    )
    on_few, on_many = found.variants[:4], found.variants[4:]
    without, with_dropout, *_ = on_few
    without_on_more, with_dropout_on_more = on_many
    effect = paired_difference(with_dropout.gap, without.gap)
    on_more = paired_difference(with_dropout_on_more.gap, without_on_more.gap)
    accuracy = paired_difference(with_dropout.test, without.test, resolution=1 / found.test_images)
    more = without_on_more.runs[0].config.data.images["train"]
    rows = [
        (
            _name(one),
            f"{one.runs[0].config.data.images['train']:,}",
            f"{mean(one.remeasured):.2%}",
            f"{mean(one.validation_last):.2%}",
            f"{100 * mean(one.gap):.2f}",
            f"{mean(one.test):.2%}",
        )
        for one in found.variants
    ]
    between = points(on_more, sign=-1)
    return Finding(
        effect=-100 * effect.mean,
        unit="points by which dropout narrows the gap",
        interval=points(effect, sign=-1),
        n=effect.n,
        of="seeds",
        verdict=decided(effect, expected="negative"),
        says=f"On {IMAGES} training images the gap is {100 * mean(without.gap):.2f} points without and "
        f"{100 * mean(with_dropout.gap):.2f} with dropout 0.5. Test accuracy changes by {100 * accuracy.mean:+.2f} "
        f"points: a narrower gap is not by itself a better net. On {more:,} images the gap is "
        f"{100 * mean(without_on_more.gap):.2f} points without and {100 * mean(with_dropout_on_more.gap):.2f} with it"
        + (f", {-100 * on_more.mean:.2f} [{between[0]:.2f}, {between[1]:.2f}] less." if between else "."),
        table=(("regulariser", "images", "training", "validation", "gap, points", "test"), *rows),
        figures=(
            _figure(
                f"Gap of every seed, {IMAGES} images", on_few, "gap, training less validation", [o.gap for o in on_few]
            ),
            _figure(
                f"Gap of every seed, {more:,} images",
                on_many,
                "gap, training less validation",
                [o.gap for o in on_many],
            ),
            _figure(f"Test accuracy of every seed, {IMAGES} images", on_few, "test accuracy", [o.test for o in on_few]),
        ),
        by_seed=by_seed(effect, scale=-100),
        seeds_to_settle=seeds_to_settle(effect),
    )


def _name(figures: VariantFigures) -> str:
    return "none" if figures.variant.name == "baseline" else figures.variant.name.removesuffix(", more data")


def _figure(title: str, variants: Sequence[VariantFigures], measure: str, values: Sequence[Sequence[float]]) -> Lines:
    """One measure of every seed, from variant to variant."""
    return Lines(
        title,
        tuple(map(_name, variants)),
        "regulariser",
        measure,
        (from_case_to_case("each seed", *values),),
        levels=((0.0, ""),) if measure.startswith("gap") else (),
        is_share=True,
    )


CLAIM = Claim(
    id="dropout-regularises",
    statement="Dropout narrows the gap between training and validation accuracy.",
    section="Dropout: Turning Off Units",
    kind="statistical",
    decides=f"supported when, on {IMAGES} training images, the gap after the last epoch, training measured in eval "
    "mode, is narrower with dropout, the 95 % interval of how much narrower, over seeds, lying above 0",
    measure=measure,
)
