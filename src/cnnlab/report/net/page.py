"""The lesson's page on shapes and receptive fields: the sliding filter, and each net taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from cnnlab.anatomy import Anatomy, Layer
from cnnlab.anatomy.describe import field_text
from cnnlab.report.back import Back
from cnnlab.report.lesson.sliding_filter import sliding_filter
from cnnlab.report.net.diagram import net_diagram
from cnnlab.report.pages import render

#: Positive where the image grows brighter from left to right.
_EDGE = np.array([[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]])


@dataclass(frozen=True)
class _Net:
    id: str
    name: str
    anatomy: Anatomy
    diagram: Markup
    memory: str


@dataclass(frozen=True)
class _Convolution:
    net: str
    layer: Layer
    times: int


def anatomy_page(anatomies: Mapping[str, Anatomy], *, image: NDArray[np.floating], image_name: str, back: Back) -> str:
    """The page for nets by name. image: float (H, W), 0–1, that the filter slides over; back: to the lesson."""
    nets = [
        _Net(f"net-{i}", name, anatomy, Markup(net_diagram(anatomy)), _memory(anatomy))
        for i, (name, anatomy) in enumerate(anatomies.items())
    ]
    convolutions = [
        _Convolution(name, layer, round(layer.dense_equivalent_parameters / layer.parameters))
        for name, anatomy in anatomies.items()
        for layer in anatomy.layers
        if layer.call.function == "conv2d" and layer.parameters
    ]
    return render(
        "net/page.html",
        back=back,
        nets=nets,
        convolutions=convolutions,
        filter=Markup(sliding_filter(image, _EDGE)),
        kernel_size=len(_EDGE),
        image_name=image_name,
        field_text=field_text,
    )


def _memory(anatomy: Anatomy) -> str:
    return f"{sum(layer.activation_bytes for layer in anatomy.layers) / 1e3:,.0f} kB"
