"""Little data: training accuracy high, validation low and noisy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from cnnlab.claims.claim import Claim, Finding, found_over_seeds
from cnnlab.claims.judging import Control, Judged, Smallest, all_of, judge
from cnnlab.claims.laboratory import Laboratory, to
from cnnlab.experiments.statistics import paired_difference
from cnnlab.figures import Lines, over_seeds
from cnnlab.training.loop import Epoch

#: Images in a step of the lesson's recipe.
BATCH = 64

#: Training images, whole steps each; the first is little data, the last is what it is compared with.
SIZES = (128, 512, 1024)

#: Steps of every training, and steps between two looks at it: an epoch of the largest size.
STEPS = 160
LOOK_EVERY = SIZES[-1] // BATCH

SMALLEST = Smallest(2.0, "points", "10 of 500 validation images, below which a gap would not be seen on a curve")
SMALLEST_NOISE = Smallest(0.2, "points", "one of 500 validation images, as little as such a curve can move")


@dataclass(frozen=True)
class SizeFigures:
    """What nets came to, one value a seed, in points: accuracies, and the noise of the validation curve."""

    training: tuple[float, ...]
    validation: tuple[float, ...]
    noise: tuple[float, ...]

    @property
    def gap(self) -> tuple[float, ...]:
        """Training accuracy less validation accuracy."""
        return tuple(seen - new for seen, new in zip(self.training, self.validation, strict=True))


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN on more and more training images, with exactly as many steps, looked at after the same steps."""

    def of(size: int) -> dict[str, object]:
        return {"data": f"{laboratory.data}@{size}", "epochs": STEPS * BATCH / size}

    base = laboratory.plan("simple-cnn").model_copy(update=of(SIZES[-1]))
    most, *fewer = laboratory.compare(base, [to(f"{size}", **of(size)) for size in SIZES[:-1]]).variants
    return decide([[_looks(run) for run in one.curves] for one in (*fewer, most)])


def decide(looks: Sequence[Sequence[Sequence[Epoch]]]) -> Finding:
    """The finding. looks: for every size, for every seed, what was measured every `LOOK_EVERY` steps."""
    of_sizes = [size_figures(of_size) for of_size in looks]
    little, much = of_sizes[0], of_sizes[-1]
    gap, level, noise = parts(little, much)
    # As much data, trained half as long: lower and perhaps noisier on validation, but it does not overfit more.
    shorter = size_figures([of_seed[: len(of_seed) // 2] for of_seed in looks[-1]])
    control_parts = parts(shorter, much)
    control = Control(
        f"{SIZES[-1]:,} images and half the steps",
        control_parts[0].effect,
        control_parts[0].interval,
        control_parts[0].n,
        all_of([part.verdict for part in control_parts]),
    )
    return found_over_seeds(
        gap,
        unit=f"points that the gap is wider with {SIZES[0]} images than with {SIZES[-1]:,}",
        verdict=all_of([part.verdict for part in (gap, level, noise)]),
        says=f"After {STEPS} steps training accuracy is {mean(little.training):.1f} % with {SIZES[0]} images and "
        f"validation accuracy {mean(little.validation):.1f} %; with {SIZES[-1]:,} images {mean(much.training):.1f} % "
        f"and {mean(much.validation):.1f} %. The gap is {gap.effect:.1f} points wider ({gap.verdict}), validation "
        f"{level.effect:.1f} points lower ({level.verdict}). Around its own trend validation accuracy moves by "
        f"{mean(little.noise):.2f} points (standard deviation over the second half) against {mean(much.noise):.2f} "
        f"(that it is noisier: {noise.verdict}).",
        controls=(control,),
        table=(
            ("training images", "training, %", "validation, %", "gap, points", "noise, points"),
            *(
                (
                    f"{size:,}",
                    f"{mean(one.training):.2f}",
                    f"{mean(one.validation):.2f}",
                    f"{mean(one.gap):.2f}",
                    f"{mean(one.noise):.2f}",
                )
                for size, one in zip(SIZES, of_sizes, strict=True)
            ),
        ),
        figures=(
            Lines(
                f"Accuracy after {STEPS} steps",
                tuple(map(float, SIZES)),
                "training images",
                "accuracy, %",
                tuple(
                    over_seeds(name, zip(*(getattr(one, measure) for one in of_sizes), strict=True))
                    for name, measure in (("training images", "training"), ("validation images", "validation"))
                ),
                log_x=True,
            ),
            Lines(
                "Validation accuracy as training goes on",
                tuple(float(LOOK_EVERY * (look + 1)) for look in range(min(len(one) for of in looks for one in of))),
                "steps",
                "validation accuracy",
                tuple(
                    over_seeds(f"{size:,} images", ([look.validation_accuracy for look in one] for one in of_size))
                    for size, of_size in zip(SIZES, looks, strict=True)
                ),
                is_share=True,
            ),
        ),
    )


def size_figures(looks: Sequence[Sequence[Epoch]]) -> SizeFigures:
    """Seeds' looks in three figures each."""
    return SizeFigures(
        tuple(100 * of_seed[-1].remeasured_accuracy for of_seed in looks),
        tuple(100 * of_seed[-1].validation_accuracy for of_seed in looks),
        tuple(noise_of([100 * look.validation_accuracy for look in of_seed]) for of_seed in looks),
    )


def noise_of(values: Sequence[float]) -> float:
    """The standard deviation of a curve's second half around the straight line through it, in the curve's unit.

    Two degrees of freedom go to the line. Fewer than three values lie on their line: 0.
    """
    half = np.asarray(values[len(values) // 2 :], dtype=float)
    if len(half) < 3:
        return 0.0
    at = np.arange(len(half))
    left = half - np.polyval(np.polyfit(at, half, 1), at)
    return float((left @ left / (len(half) - 2)) ** 0.5)


def parts(little: SizeFigures, much: SizeFigures) -> tuple[Judged, Judged, Judged]:
    """The claim's rule, in points, with little data: how much wider the gap, how much lower and noisier validation."""
    return (
        judge(paired_difference(little.gap, much.gap), SMALLEST),
        judge(paired_difference(much.validation, little.validation), SMALLEST),
        judge(paired_difference(little.noise, much.noise), SMALLEST_NOISE),
    )


def _looks(epochs: Sequence[Epoch]) -> list[Epoch]:
    """The epochs that end after a multiple of `LOOK_EVERY` steps."""
    steps, found = 0, []
    for epoch in epochs:
        steps += epoch.steps
        if steps % LOOK_EVERY == 0:
            found.append(epoch)
    return found


CLAIM = Claim(
    id="small-data-overfits",
    statement="With little data training accuracy is high, and validation accuracy low and noisy.",
    section="Regularization: Overfitting in CNNs",
    kind="statistical",
    decides=f"supported when, after {STEPS} steps with {SIZES[0]} training images against {SIZES[-1]:,}, three things "
    f"hold, each with a 95 % interval over seeds above 0: the gap between training (in eval mode) and validation "
    f"accuracy is wider by at least {SMALLEST.value:g} points, validation is lower by at least {SMALLEST.value:g}, and "
    f"its spread around its own trend over the second half is larger by at least {SMALLEST_NOISE.value:g}; not "
    "supported when the interval of one excludes that much",
    measure=measure,
    smallest=SMALLEST,
)
