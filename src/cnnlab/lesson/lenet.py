"""LeNet-5: its layers by the lesson's names, where its parameters lie, and what it reached."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.anatomy import Anatomy, Layer
from cnnlab.evaluation import Evaluation
from cnnlab.figures import Bars
from cnnlab.formulas import output_size
from cnnlab.lesson.evidence import Evidence, Trained
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice
from cnnlab.lesson.why_convolution import filters_question

#: A layer's letter by what it calls: convolution, subsampling, fully connected.
_LETTERS = {"conv2d": "C", "max_pool2d": "S", "linear": "F"}


#: Filters, kernel size and channels of layers like C3, to ask for.
_LIKE_C3 = ((20, 5, 8), (12, 3, 8), (24, 5, 4), (18, 3, 12), (32, 3, 10), (10, 5, 9), (14, 7, 5))


@dataclass(frozen=True)
class Way:
    """A way into LeNet-5. sides: of the input, C1, S2, C3 and S4, in pixels; dense: values that F5 reads."""

    says: str
    padding: int
    sides: tuple[int, ...]
    dense: int


@dataclass(frozen=True)
class LeNet:
    """layers: the lesson's name → layer. ways: in, with the original's and without. parameters: where they lie.

    Shares are 0–1.
    """

    anatomy: Anatomy
    layers: dict[str, Layer]
    ways: tuple[Way, ...]
    parameters: Bars
    dense_share: float
    convolution_macs_share: float
    test: Evaluation
    train_images: int
    epochs: int
    train_time_s: float
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> LeNet:
    """Name LeNet-5's layers, say where its parameters lie, and what its run reached."""
    lenet = evidence.lenet
    named = lesson_names(lenet)
    with_parameters = {name: layer for name, layer in named.items() if layer.parameters}
    dense = sum(layer.parameters for layer in with_parameters.values() if layer.call.function == "linear")
    result = lenet.run.result()
    return LeNet(
        anatomy=lenet.anatomy,
        layers=named,
        ways=(
            _way("28×28 set into 32×32, as in 1998", 32, 0),
            _way("28×28, C1 with padding 2, as here", 28, 2),
            _way("28×28, without padding", 28, 0),
        ),
        parameters=Bars(
            "Parameters of each layer",
            tuple(with_parameters),
            ("parameters",),
            (tuple(float(layer.parameters) for layer in with_parameters.values()),),
        ),
        dense_share=dense / lenet.anatomy.parameters,
        convolution_macs_share=sum(layer.macs for layer in lenet.layers("conv2d")) / lenet.anatomy.macs,
        test=lenet.run.evaluations()["test"],
        train_images=lenet.run.config.data.images["train"],
        epochs=result.epochs_run,
        train_time_s=result.train_time_s,
        questions=(
            filters_question("c3-parameters", "C3 of LeNet-5", named["C3"], others=_LIKE_C3),
            _where(with_parameters, lenet),
        ),
        see=(
            lenet.explorer(
                named["C3"].name, "LeNet-5, computed in the page: draw a digit and watch C3 (there: Conv 2)"
            ),
            lenet.report("Its run: curves, confusion, mistakes"),
            Link("page", "All its arithmetic", "anatomy.html#net-0"),
        ),
    )


def _way(says: str, side: int, padding: int) -> Way:
    """C1 and C3 are 5×5, each with a 2×2 pool after it; C3 has 16 filters."""
    c1 = output_size(side, 5, padding=padding)
    c3 = output_size(c1 // 2, 5)
    return Way(says, padding, (side, c1, c1 // 2, c3, c3 // 2), 16 * (c3 // 2) ** 2)


def lesson_names(lenet: Trained) -> dict[str, Layer]:
    """C1, S2, C3, S4, F5, F6 and the output."""
    found = [layer for layer in lenet.anatomy.layers if layer.call.function in _LETTERS]
    names = [f"{_LETTERS[layer.call.function]}{i}" for i, layer in enumerate(found, start=1)]
    return dict(zip([*names[:-1], "output"], found, strict=True))


def _where(layers: dict[str, Layer], lenet: Trained) -> Question:
    order = sorted(layers, key=lambda name: -layers[name].parameters)
    most, others = order[0], [name for name in layers if name != order[0]]
    share = layers[most].parameters / lenet.anatomy.parameters
    return choice(
        "where-parameters-lie",
        "In which layer of LeNet-5 do most of its parameters lie?",
        most,
        worked=f"{most}: {layers[most].parameters_arithmetic}, {share:.0%} of all {lenet.anatomy.parameters:,}.",
        others=[
            (name, f"{name} has {layers[name].parameters:,}: {layers[name].parameters_arithmetic}.") for name in others
        ],
        place=list(layers).index(most),
    )
