"""Batch norm speeds up convergence."""

from __future__ import annotations

from itertools import accumulate
from statistics import mean

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, from_case_to_case, over_seeds
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.words import by_seed, decided, seeds_to_settle
from cnnlab.experiments.statistics import paired_difference
from cnnlab.experiments.variants import VARIANTS
from cnnlab.training.loop import Epoch

TARGET = 0.9
EPOCHS = 10


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN with and without batch norm: steps until validation accuracy first reaches the target."""
    plan = laboratory.plan("simple-cnn", data=f"{laboratory.data}@1000", epochs=EPOCHS)
    with_norm, without = laboratory.compare(plan, [VARIANTS["no-batchnorm"]]).variants
    reached = [[_steps_to(curve) for curve in one.curves] for one in (with_norm, without)]
    missed = sum(steps is None for of_one in reached for steps in of_one)
    longest = sum(epoch.steps for epoch in with_norm.curves[0])
    quick, slow = ([longest if steps is None else steps for steps in of_one] for of_one in reached)
    effect = paired_difference(slow, quick)
    interval = None if effect.low is None or effect.high is None else (effect.low, effect.high)
    unreached = f" {missed} of {2 * effect.n} runs never got there and count as {longest}." if missed else ""
    return Finding(
        effect=effect.mean,
        unit="steps sooner with batch norm",
        interval=interval,
        n=effect.n,
        of="seeds",
        verdict=decided(effect, expected="positive"),
        says=f"Validation accuracy reaches {TARGET:.0%} after {mean(quick):.0f} steps with batch norm and "
        f"{mean(slow):.0f} "
        f"without, on average over seeds; between epochs the curve is taken as straight.{unreached}",
        figures=(
            Lines(
                "Validation accuracy as it learns",
                tuple(float(steps) for steps in accumulate(epoch.steps for epoch in with_norm.curves[0])),
                "steps",
                "validation accuracy",
                tuple(
                    over_seeds(name, ([epoch.validation_accuracy for epoch in curve] for curve in one.curves))
                    for name, one in (("with batch norm", with_norm), ("without", without))
                ),
                levels=((TARGET, f"{TARGET:.0%}, the target"),),
                is_share=True,
            ),
            Lines(
                f"Steps to {TARGET:.0%}",
                ("without", "with batch norm"),
                "",
                "steps",
                (from_case_to_case("each seed", slow, quick),),
            ),
        ),
        by_seed=by_seed(effect, scale=1),
        seeds_to_settle=seeds_to_settle(effect),
    )


def _steps_to(curve: tuple[Epoch, ...]) -> float | None:
    """Steps until the validation curve, straight between epochs and 0 at the start, crosses the target."""
    steps, before = 0.0, 0.0
    for epoch in curve:
        if epoch.validation_accuracy >= TARGET:
            return steps + epoch.steps * (TARGET - before) / (epoch.validation_accuracy - before)
        steps, before = steps + epoch.steps, epoch.validation_accuracy
    return None


CLAIM = Claim(
    id="batchnorm-speed",
    statement="Batch norm speeds up convergence.",
    section="Conv Block with BatchNorm",
    kind="statistical",
    decides=f"supported when validation accuracy reaches {TARGET:.0%} in fewer steps with batch norm, the 95 % "
    f"interval of "
    "the paired difference lying above 0",
    measure=measure,
)
