"""What a student's notebook holds, read without running it, and what the homework's checks say of it.

Checks depend on values, not on cells: a name's value is what the whole notebook gives it, wherever that stands. The
checks and their arguments are the lesson's own (`notebooks/lesson3_Pytorch_MNIST_cnn.py`), whatever the student's file
makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from cnnlab import homework
from cnnlab.classroom.assigned import Assigned, Unparsed, assigned
from cnnlab.classroom.cells import CodeCell, code_cells
from cnnlab.classroom.results import CheckedTask
from cnnlab.homework import Feedback

#: Of what the student's file says, the most letters that are passed on.
_LONGEST_SAID = 300


@dataclass(frozen=True)
class Task:
    """An answer that the notebook asks for.

    name: what the notebook calls it, and the task's id. check: the function of `cnnlab.homework`. says_of: what it says
    of a value; None where the answer is a net, a function or what a training gave, which only running the code shows.
    """

    name: str
    title: str
    check: str
    says_of: Callable[[Any], Feedback] | None = None


def _size(name: str, title: str, **window: int) -> Task:
    return Task(name, title, "check_output_size", lambda yours: homework.check_output_size(yours, **window))


def _count(name: str, title: str, layer: Callable[..., homework.parameters.Layer], *sizes: int, **options: int) -> Task:
    def says_of(yours: Any) -> Feedback:  # "meta": its numbers are counted, not drawn
        return homework.check_parameters(yours, layer(*sizes, **options, device="meta"))

    return Task(name, title, "check_parameters", says_of)


#: All checks that the notebook makes, in its order.
TASKS = (
    _size("after_conv", "Rows after a 3×3 convolution", size=28, kernel_size=3),
    _size("after_padded_conv", "Rows after a 3×3 convolution with padding 1", size=28, kernel_size=3, padding=1),
    _size("after_pool", "Rows after a 2×2 pool with stride 2", size=28, kernel_size=2, stride=2),
    _count("parameters_conv1", "Parameters of a convolution, 1 to 32 channels", nn.Conv2d, 1, 32, kernel_size=3),
    _count("parameters_conv2", "Parameters of a convolution, 32 to 64 channels", nn.Conv2d, 32, 64, kernel_size=3),
    _count("parameters_norm", "Parameters of a batch norm of 32 channels", nn.BatchNorm2d, 32),
    _count("parameters_dense", "Parameters of a dense layer, 3136 to 128", nn.Linear, 64 * 7 * 7, 128),
    Task("net", "SimpleCNN in plain PyTorch", "check_same_net"),
    Task("my_cnn", "Homework 1: another architecture", "check_net"),
    Task("comparison", "Homework 2: with and without dropout and batch norm", "check_comparison"),
    Task("my_maps", "Homework 3: feature maps by hooks", "check_feature_maps"),
    Task("measured", "Homework 4: clothes instead of digits", "check_measured"),
)


def check_notebook(text: str, *, points: float = 1.0) -> tuple[CheckedTask, ...]:
    """The tasks of the lesson's notebook, each checked by its value as it stands in a student's, which is not run.

    text: of the .ipynb. points: for each task that is checked by its value; those of code have 0 of 0, as only a
    teacher may run them. Raises UserError where the text is no notebook.
    """
    cells = code_cells(text)
    names, unparsed = assigned(cell.source for cell in cells)
    return tuple(_checked(task, names, unparsed, cells, points) for task in TASKS)


def _checked(
    task: Task,
    names: Mapping[str, Assigned],
    unparsed: Sequence[Unparsed],
    cells: Sequence[CodeCell],
    points: float,
) -> CheckedTask:
    most = 0.0 if task.says_of is None else points
    found = names.get(task.name)
    if found is None or found.is_blank:
        return CheckedTask(task.name, task.title, "not filled in", _why_blank(task.name, found, unparsed), 0.0, most)
    if task.says_of is None or not found.is_known:
        return CheckedTask(task.name, task.title, "to be run by you", _how_to_run(task, cells), 0.0, most)
    feedback = task.says_of(found.value)
    standing = "right" if feedback.is_right else "off"
    return CheckedTask(task.name, task.title, standing, str(feedback), most if feedback.is_right else 0.0, most)


def _why_blank(name: str, found: Assigned | None, unparsed: Sequence[Unparsed]) -> str:
    for one in unparsed:
        if re.search(rf"\b{name}\b", one.source):
            return f"{name} stands in a cell that Python cannot read: {one.why}"
    return "not filled in yet" if found is not None else f"{name} is given no value in this notebook"


def _how_to_run(task: Task, cells: Sequence[CodeCell]) -> str:
    """What the teacher does about code, and what the student's file shows, which anybody may have written there."""
    call = re.compile(rf"\b{task.check}\(\s*{task.name}\b")
    shown = [cell.shown for cell in cells if cell.shown and call.search(cell.source)]
    says = " ".join(shown[-1].split()) if shown else ""
    said = f"; the file says: {says[:_LONGEST_SAID]}{'…' * (len(says) > _LONGEST_SAID)}" if says else ""
    return (
        f"{task.name} comes from code, which is not run here: read the notebook, run it (jupyter execute --inplace "
        f"NOTEBOOK.ipynb), and see what {task.check} says{said}"
    )
