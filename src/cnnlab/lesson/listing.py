"""PyTorch code on a page, and the shape that leaves each of its lines: found by running it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import nn

from cnnlab.anatomy import describe

#: A line that makes a layer; one that runs a part of the net.
_MAKES, _RUNS = re.compile(r"\bnn\.(?!Module\b|Sequential\b)[A-Z]\w*\("), re.compile(r"\bself\.(\w+)\(")


@dataclass(frozen=True)
class Line:
    """A line of code. shape: of what leaves it for a batch of N; empty where nothing does."""

    code: str
    shape: str


@dataclass(frozen=True)
class Listing:
    """Code that runs as it stands. enters: the shape of what its net is given, for a batch of N."""

    lines: tuple[Line, ...]
    enters: str

    @property
    def code(self) -> str:
        """All of it, to be copied."""
        return "\n".join(line.code for line in self.lines) + "\n"


def listing(code: str, shape: tuple[int, int, int]) -> Listing:
    """Run code of this package, whose last name is a net, and note what leaves each line that makes or runs a layer.

    shape: of what enters, without the batch. A line makes at most one layer, in the order in which layers run.
    """
    names: dict[str, object] = {}
    with torch.random.fork_rng(devices=[]):
        exec(code, names)
    net = [value for value in names.values() if isinstance(value, nn.Module)][-1]
    layers = describe(net, shape).layers
    leaves = iter(layers)
    lines = []
    for line in code.strip().split("\n"):
        if _MAKES.search(line):
            lines.append(Line(line, _batch(next(leaves).output_shape)))
        elif (part := _RUNS.search(line)) and not line.lstrip().startswith("super"):
            last = [layer for layer in layers if layer.name.startswith(f"{part[1]}.")][-1]
            lines.append(Line(line, _batch(last.output_shape)))
        else:
            lines.append(Line(line, ""))
    return Listing(tuple(lines), _batch(shape))


def _batch(shape: tuple[int, ...]) -> str:
    return f"(N, {', '.join(map(str, shape))})"
