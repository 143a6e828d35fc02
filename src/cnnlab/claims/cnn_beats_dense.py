"""The CNN beats the fully connected net on Fashion-MNIST."""

from __future__ import annotations

from statistics import mean

from cnnlab.anatomy import describe
from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, from_case_to_case
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.words import by_seed, decided, points, seeds_to_settle
from cnnlab.config import NetSpec
from cnnlab.experiments.statistics import paired_difference
from cnnlab.experiments.variants import Variant
from cnnlab.nets import MLP, SimpleCNN


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN against the MLP of lesson 2, and against one with as many parameters as the CNN."""
    cnn = describe(SimpleCNN()).parameters
    widths = min(
        ((width, width // 2) for width in range(64, 1024, 8)),
        key=lambda hidden: abs(sum(one.numel() for one in MLP(hidden=hidden).parameters()) - cnn),
    )
    dense = Variant("mlp", "", "", lambda plan: plan.model_copy(update={"net": NetSpec(name="mlp")}))
    as_large = Variant(
        "mlp as large",
        "",
        "",
        lambda plan: plan.model_copy(update={"net": NetSpec(name="mlp", options={"hidden": widths})}),
    )
    found = laboratory.compare(
        laboratory.plan("simple-cnn", data=laboratory.sized(laboratory.fashion), recipe="fast"), [dense, as_large]
    )
    conv, own, matched = found.variants
    is_fashion = laboratory.fashion.startswith("fashion-mnist")
    elsewhere = "" if is_fashion else " That says nothing yet of Fashion-MNIST, which this round leaves out."
    effect = paired_difference(conv.test, matched.test, resolution=1 / found.test_images)
    return Finding(
        effect=100 * effect.mean,
        unit=f"points better than a dense net with as many parameters, on {laboratory.fashion}",
        interval=points(effect),
        n=effect.n,
        of="seeds",
        verdict=decided(effect, expected="positive") if is_fashion else "undecided",
        says=f"On {laboratory.fashion} SimpleCNN ({conv.parameters:,} parameters) reaches {mean(conv.test):.2%}, the "
        f"MLP ({own.parameters:,}) {mean(own.test):.2%}, an MLP with {matched.parameters:,} parameters "
        f"{mean(matched.test):.2%}.{elsewhere}",
        table=(
            ("net", "parameters", "test accuracy", "training time"),
            *(
                (name, f"{one.parameters:,}", f"{mean(one.test):.2%}", f"{mean(one.train_time_s):.1f} s")
                for name, one in (("simple-cnn", conv), ("mlp", own), ("mlp as large", matched))
            ),
        ),
        figures=(
            Lines(
                f"Test accuracy of every seed, on {laboratory.fashion}",
                ("mlp", "mlp as large", "simple-cnn"),
                "",
                "test accuracy",
                (from_case_to_case("each seed", own.test, matched.test, conv.test),),
                is_share=True,
            ),
        ),
        by_seed=by_seed(effect),
        seeds_to_settle=seeds_to_settle(effect),
    )


CLAIM = Claim(
    id="cnn-beats-dense",
    statement="The CNN beats the fully connected net on Fashion-MNIST.",
    section="Homework",
    kind="statistical",
    decides="supported when the CNN's test accuracy is higher than that of a dense net with as many parameters, the "
    "95 % "
    "interval of the paired difference lying above 0; undecided on other images",
    measure=measure,
)
