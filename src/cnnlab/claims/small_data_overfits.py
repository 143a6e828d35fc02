"""Little data: training accuracy high, validation low and noisy."""

from __future__ import annotations

from statistics import mean

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, over_seeds
from cnnlab.claims.laboratory import Laboratory, to
from cnnlab.claims.words import by_seed, decided, points, seeds_to_settle
from cnnlab.experiments.statistics import paired_difference, spread

SIZES = (100, 300, 1000)

#: Images seen in each training, so that every size gets as many steps.
SEEN = 6_000


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN on more and more training images, with equally many steps: the gap after the last epoch."""
    data = laboratory.data
    base = laboratory.plan("simple-cnn", data=f"{data}@{SIZES[-1]}", epochs=SEEN / SIZES[-1])
    fewer = [to(f"{size}", data=f"{data}@{size}", epochs=SEEN / size) for size in SIZES[:-1]]
    most, *others = laboratory.compare(base, fewer).variants
    least = others[0]
    effect = paired_difference(least.gap, most.gap)
    noise = [spread(one.validation_last).standard_deviation or 0.0 for one in (least, most)]
    rows = [
        (size, f"{mean(one.remeasured):.2%}", f"{mean(one.validation_last):.2%}", f"{100 * mean(one.gap):.2f}")
        for size, one in zip(map(str, SIZES), (*others, most), strict=True)
    ]
    return Finding(
        effect=100 * effect.mean,
        unit=f"points that the gap is wider with {SIZES[0]} images than with {SIZES[-1]:,}",
        interval=points(effect),
        n=effect.n,
        of="seeds",
        verdict=decided(effect, expected="positive"),
        says=f"With {SIZES[0]} images training accuracy ends {100 * mean(least.gap):.1f} points above validation, "
        f"with {SIZES[-1]:,} images {100 * mean(most.gap):.1f}, after as many steps. Over seeds validation accuracy "
        f"varies by {100 * noise[0]:.2f} points (standard deviation) against {100 * noise[1]:.2f}.",
        table=(("training images", "training", "validation", "gap, points"), *rows),
        figures=(
            Lines(
                "Accuracy after as many steps",
                tuple(map(float, SIZES)),
                "training images",
                "accuracy",
                tuple(
                    over_seeds(name, zip(*(getattr(one, measure) for one in (*others, most)), strict=True))
                    for name, measure in (("training images", "remeasured"), ("validation images", "validation_last"))
                ),
                is_share=True,
                log_x=True,
            ),
        ),
        by_seed=by_seed(effect),
        seeds_to_settle=seeds_to_settle(effect),
    )


CLAIM = Claim(
    id="small-data-overfits",
    statement="With little data training accuracy is high, and validation accuracy low and noisy.",
    section="Regularization: Overfitting in CNNs",
    kind="statistical",
    decides="supported when the gap between training (in eval mode) and validation accuracy is wider with fewer "
    "images, the "
    "95 % interval of the paired difference lying above 0",
    measure=measure,
)
