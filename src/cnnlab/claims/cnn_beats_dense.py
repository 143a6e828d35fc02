"""The CNN beats the fully connected net on Fashion-MNIST."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Any

from cnnlab.anatomy import describe
from cnnlab.claims.claim import Claim, Finding, found_over_seeds
from cnnlab.claims.judging import Control, Judged, Smallest, judge
from cnnlab.claims.laboratory import Laboratory, to
from cnnlab.config import NetSpec
from cnnlab.experiments.compare import VariantFigures
from cnnlab.experiments.statistics import paired_difference
from cnnlab.figures import Lines, from_case_to_case
from cnnlab.nets import MLP, SimpleCNN

SMALLEST = Smallest(
    1.0, "point", "below a point other recipes, other widths or other test images decide which net is ahead"
)

#: Changes to the recipe `fast` that every net is trained with: shifts by a pixel, none, none at a lower rate.
RECIPES: dict[str, dict[str, float]] = {
    "shifts, 0.01": {"shift": 1, "learning_rate": 0.01},
    "no shifts, 0.01": {"shift": 0, "learning_rate": 0.01},
    "no shifts, 0.003": {"shift": 0, "learning_rate": 0.003},
}

#: What the recipe has for garments and a dense net cannot have, left out for all.
LIKE_DIGITS: dict[str, Any] = {"flip": False, "label_smoothing": 0.1, "crop": None, "crop_share": 0.7}

#: Passes of a dense net for one of the CNN, which takes no less time for its one.
DENSE_PASSES = 5

#: Most training images: with more, nine nets a seed would be half of a round's time. In a quick round, which leaves
#: Fashion-MNIST out and decides nothing here, few will do.
IMAGES, QUICK_IMAGES = 15_000, 500


def decide(
    conv: Sequence[float], dense: Sequence[float], narrow: Sequence[float], *, images: int
) -> tuple[Judged, Control]:
    """Judge how much better the CNN is than a dense net with as many parameters.

    conv, dense, narrow: test accuracies (0–1) of every seed, each net's at its best recipe. narrow: of the smaller
    dense net; that the larger one beats it is the control, for neither is a CNN. images: tested on.
    """

    def better(one: Sequence[float], other: Sequence[float]) -> Judged:
        return judge(paired_difference(one, other, resolution=1 / images), SMALLEST, scale=100)

    return better(conv, dense), Control.of("the wide dense net against the narrow one", better(dense, narrow))


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN against the MLP of lesson 2, and against one with as many parameters as the CNN."""
    cnn = describe(SimpleCNN()).parameters
    widths = min(
        ((width, width // 2) for width in range(64, 1024, 8)),
        key=lambda hidden: abs(sum(one.numel() for one in MLP(hidden=hidden).parameters()) - cnn),
    )
    nets = {
        "simple-cnn": (NetSpec(name="simple-cnn"), laboratory.epochs),
        "mlp": (NetSpec(name="mlp"), DENSE_PASSES * laboratory.epochs),
        "mlp as large": (NetSpec(name="mlp", options={"hidden": widths}), DENSE_PASSES * laboratory.epochs),
    }
    data = laboratory.at_most(laboratory.fashion, QUICK_IMAGES if laboratory.is_quick else IMAGES)
    is_fashion = laboratory.fashion.startswith("fashion-mnist")
    plan = laboratory.plan("simple-cnn", data=data, recipe="fast")
    of_all = LIKE_DIGITS if is_fashion else {}
    tried = [
        to(f"{name}, {recipe}", net=net, epochs=epochs, changes=of_all | changes)
        for name, (net, epochs) in nets.items()
        for recipe, changes in RECIPES.items()
    ]
    found = laboratory.compare(tried[0].change(plan), tried[1:])
    arms = iter(found.variants)
    by_recipe = {name: {recipe: next(arms) for recipe in RECIPES} for name in nets}
    chosen = {name: _best(of_net) for name, of_net in by_recipe.items()}
    best = {name: by_recipe[name][recipe] for name, recipe in chosen.items()}
    conv, own, matched = best.values()
    judged, control = decide(conv.test, matched.test, own.test, images=found.test_images)
    elsewhere = "" if is_fashion else " That says nothing yet about Fashion-MNIST, which this round leaves out."
    return found_over_seeds(
        judged,
        unit=f"points better than a dense net with as many parameters, on {laboratory.fashion}",
        verdict=None if is_fashion else "undecided",
        controls=(control,),
        says=f"On {data} SimpleCNN ({conv.parameters:,} parameters) reaches {mean(conv.test):.2%} in "
        f"{mean(conv.train_time_s):.0f} s, an MLP with {matched.parameters:,} parameters {mean(matched.test):.2%} in "
        f"{mean(matched.train_time_s):.0f} s, the MLP of lesson 2 ({own.parameters:,}) {mean(own.test):.2%} in "
        f"{mean(own.train_time_s):.0f} s, each at the recipe that is best for it on validation.{elsewhere}",
        table=(
            ("net", "parameters", "recipe", "passes", "validation accuracy", "test accuracy", "training time"),
            *(
                (
                    name,
                    f"{one.parameters:,}",
                    recipe + (" (best)" if recipe == chosen[name] else ""),
                    f"{nets[name][1]:g}",
                    f"{mean(one.validation):.2%}",
                    f"{mean(one.test):.2%}",
                    f"{mean(one.train_time_s):.1f} s",
                )
                for name, of_net in by_recipe.items()
                for recipe, one in of_net.items()
            ),
        ),
        figures=(
            Lines(
                f"Test accuracy of every seed, on {laboratory.fashion}, each net at its best recipe",
                ("mlp", "mlp as large", "simple-cnn"),
                "",
                "test accuracy",
                (from_case_to_case("each seed", own.test, matched.test, conv.test),),
                is_share=True,
            ),
        ),
    )


def _best(by_recipe: dict[str, VariantFigures]) -> str:
    """The recipe with the highest mean validation accuracy; the test images choose nothing."""
    return max(by_recipe, key=lambda recipe: mean(by_recipe[recipe].validation))


CLAIM = Claim(
    id="cnn-beats-dense",
    statement="The CNN beats the fully connected net on Fashion-MNIST.",
    section="Homework",
    kind="statistical",
    decides="supported when the CNN's test accuracy is at least 1 point higher than that of a dense net with as many "
    "parameters and five times the passes, each at the recipe that is best for it on validation, the 95 % interval of "
    "the paired difference lying above 0, and a wide dense net does not beat a narrow one by the same rule; not "
    "supported when the interval lies below 1 point; undecided on other images",
    measure=measure,
    smallest=SMALLEST,
)
