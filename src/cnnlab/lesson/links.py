"""Where a page leads: to a run's report, to a state of its explorer, to a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

Kind = Literal["run", "explorer", "comparison", "page"]

#: The explorer's experiments.
Panel = Literal["forming", "moving", "dropping", "norming"]


@dataclass(frozen=True)
class Link:
    """href: from the lesson's folder, quoted."""

    kind: Kind
    label: str
    href: str


def explorer(folder: str, label: str, *, image: int, layer: str, unit: tuple[int, ...]) -> Link:
    """A unit of a net, opened. folder: of its run. image: its place in the explorer's gallery. unit: as the layer's
    shape has it.
    """
    padded = (*unit, 0, 0)[:3]
    state = urlencode({"image": image, "layer": layer, "unit": ".".join(map(str, padded))})
    return Link("explorer", label, f"{folder}/explorer.html#{state}")


def whole_net(folder: str, label: str, *, image: int, panel: Panel | None = None) -> Link:
    """The net with nothing opened, and one of the explorer's experiments where one is named."""
    state = urlencode({"image": image} | ({"panel": panel} if panel else {}))
    return Link("explorer", label, f"{folder}/explorer.html#{state}")


def report(folder: str, label: str) -> Link:
    """A run's report."""
    return Link("run", label, f"{folder}/report.html")
