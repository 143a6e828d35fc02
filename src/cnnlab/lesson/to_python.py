"""Switch to the notebook: from these pages to the command, to Python, to this lesson's own runs, to the notebooks."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from cnnlab.lesson.architectures import compared
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question
from cnnlab.numbers import plain

#: A training in Python, as far as it does not depend on the lesson.
_TRAIN = """\
import torch

import cnnlab

data = cnnlab.load({data})
torch.manual_seed({seed})
net = cnnlab.SimpleCNN({sizes})
training = cnnlab.recipe({recipe}, net, data, epochs=1)
trained = cnnlab.train(net, data, training, seed={seed})
print(f"validation accuracy {{trained.epochs[-1].validation_accuracy:.2%}}")
"""

#: This lesson's run, from Python.
_OPEN = """\
import cnnlab
from cnnlab.data.normalise import normalise

run = cnnlab.open_run({run})
for epoch in run.epochs():
    print(f"epoch {{epoch.epoch}}: validation accuracy {{epoch.validation_accuracy:.2%}}")
print(f"test accuracy {{run.evaluations()['test'].accuracy:.2%}}")

net = run.load_net()  # the weights of its best epoch, in eval mode
data = cnnlab.load(run.config.data.name)  # the images that it was trained on
x = normalise(data.validation.images[:8], data.mean, data.std)
print([data.classes[answer] for answer in net(x).argmax(dim=1)])

for layer, maps in cnnlab.feature_maps(net, x).items():
    print(layer, tuple(maps.shape))
"""

#: The runs of one homework, from Python.
_HOMEWORK = """\
import cnnlab

runs = {names}
for name, folder in runs.items():
    run = cnnlab.open_run(f"{folder}/{{folder}}")
    last = run.epochs()[-1]
    gap = last.remeasured_accuracy - last.validation_accuracy
    print(f"{{name}}: gap {{100 * gap:.2f}} points, test accuracy {{run.result().test.accuracy:.2%}}")
"""

#: The companion notebook's sections, and the chapters that they follow.
NOTEBOOK = (
    ("1. The images", ("why_convolution",)),
    ("2. Sizes", ("shapes", "pooling")),
    ("3. The net", ("simple_cnn",)),
    ("4. Training", ("training", "overfitting")),
    ("5. Evaluation", ("training",)),
    ("6. Reading images", ("lenet",)),
    ("7. Feature maps", ("convolution",)),
    ("Homework 1 to 4", ("architectures", "regularisers", "early_and_late", "best_cnn")),
)


@dataclass(frozen=True)
class ToPython:
    """commands: to be typed where the lesson's folder lies. train, open, homework: Python, to be run there, too.

    opened: what `open` prints first. sections: of the companion notebook, with the chapters that they follow.
    """

    commands: tuple[tuple[str, str], ...]
    train: str
    open: str
    opened: tuple[str, ...]
    homework: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> ToPython:
    """Write down commands and code with this lesson's own names, so that they run as they stand."""
    cnn, lesson = evidence.simple_cnn, evidence.folder.name
    config = cnn.run.config
    data, recipe, seed = config.data.name, config.recipe, config.seed
    own = f"{lesson}/{cnn.folder}"
    length = plain(config.training.epochs)
    again = ["cnnlab", "train", cnn.name, "--data", data, "--recipe", recipe, "--epochs", length, "--seed", str(seed)]
    epochs = [f"epoch {each.epoch}: validation accuracy {each.validation_accuracy:.2%}" for each in cnn.run.epochs()]
    return ToPython(
        commands=(
            ("this lesson’s SimpleCNN, trained once more", shlex.join([*again, "--out", "runs/cnn"])),
            (
                "another net, by another recipe",
                shlex.join(["cnnlab", "train", "lenet5", "--data", data, "--out", "runs/lenet"]),
            ),
            (
                "your own handwriting, read by this lesson’s net",
                shlex.join(["cnnlab", "predict", own, "photo.jpg", "--show"]),
            ),
            (
                "four nets on a few seeds, and a verdict on each difference",
                compared(evidence.regularisers, "--factorial", "--variants", "no-dropout", "no-batchnorm"),
            ),
        ),
        train=_TRAIN.format(data=quoted(data), seed=seed, sizes=_sizes(evidence), recipe=quoted(recipe)),
        open=_OPEN.format(run=quoted(own)),
        opened=(*epochs, f"test accuracy {cnn.run.evaluations()['test'].accuracy:.2%}"),
        homework=_homework(evidence),
        sections=NOTEBOOK,
        questions=(),
        see=(cnn.report("The run that the code above opens"),),
    )


def quoted(text: str) -> str:
    """Text as Python writes it, in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _sizes(evidence: Evidence) -> str:
    """What SimpleCNN has to be told of these images: nothing where they are of the lesson's size."""
    channels, height, width = evidence.data.image_shape
    classes = len(evidence.data.classes)
    if (channels, height, width, classes) == (1, 28, 28, 10):
        return ""
    size = str(height) if height == width else f"({height}, {width})"
    return f"in_channels={channels}, image_size={size}, num_classes={classes}"


def _homework(evidence: Evidence) -> str:
    """The first seed of every net of homework 2."""
    variants = evidence.regularisers.variants
    paths = {
        {"baseline": "neither", "dropout + batch norm": "both"}.get(one.variant.name, one.variant.name): one.runs[
            0
        ].path
        for one in variants
    }
    folder = next(iter(paths.values())).parent.relative_to(evidence.folder.parent).as_posix()
    names = "{\n" + "".join(f"    {quoted(name)}: {quoted(path.name)},\n" for name, path in paths.items()) + "}"
    return _HOMEWORK.format(names=names, folder=folder)
