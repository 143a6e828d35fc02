from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnlab.anatomy import Anatomy, describe
from cnnlab.nets import LeNet5
from cnnlab.report.net.diagram import net_diagram
from cnnlab.report.net.dot import net_dot
from cnnlab.report.svg import STRONG, shortened, text_width

SVG = "{http://www.w3.org/2000/svg}"


class Squeezed(nn.Module):
    """A gate, shortcuts over one layer and over many, a dilated field with gaps."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, (3, 5), stride=(2, 1), padding=(1, 2))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 6, 1), nn.Sigmoid())
        self.dilated = nn.Conv2d(6, 6, 3, padding=3, dilation=3)
        self.fc = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        stem = self.stem(x)
        y = stem * self.gate(stem)
        y = y + torch.relu(y)
        y = torch.cat([self.dilated(y) + stem, y], 1)
        return self.fc(y.mean((2, 3)))


class Hostile(nn.Module):
    """Names that would like to be markup, one that is too long and one that is the image's."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module('<b a="1">&', nn.Conv2d(1, 2, 3))
        self.add_module("x" * 90, nn.Conv2d(2, 2, 1))
        self.add_module("input", nn.Conv2d(2, 2, 1))
        self.add_module("a\x01b\\", nn.Conv2d(2, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        for module in self.children():
            x = module(x)
        return x


@cache
def anatomy_of(name: str) -> Anatomy:
    return {
        "LeNet5": lambda: describe(LeNet5(), (1, 28, 28)),
        "Squeezed": lambda: describe(Squeezed(), (2, 12, 20)),
        "Hostile": lambda: describe(Hostile(), (1, 8, 8)),
    }[name]()


def drawn(anatomy: Anatomy) -> ET.Element:
    return ET.fromstring(net_diagram(anatomy))


def of_class(root: ET.Element, css: str) -> list[ET.Element]:
    return [element for element in root.iter() if css in element.get("class", "").split()]


def texts(element: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in element.iter(f"{SVG}text")]


@pytest.mark.parametrize("name", ["LeNet5", "Squeezed"])
def test_a_row_a_layer_with_its_words(name: str) -> None:
    anatomy = anatomy_of(name)
    rows = of_class(drawn(anatomy), "row")
    assert texts(rows[0])[2] == "×".join(map(str, anatomy.input))
    assert len(rows) == 1 + len(anatomy.layers)
    for row, layer in zip(rows[1:], anatomy.layers, strict=True):
        words = texts(row)
        shape = "×".join(map(str, layer.output_shape))
        assert words[0] == layer.name
        assert words[1].removesuffix(" → output") == layer.type
        assert words[1].endswith(" → output") == (layer.name in anatomy.outputs)
        assert shape in words or f"{shape} values" in words
        assert (f"{layer.parameters:,} parameters" in words) == bool(layer.parameters)
        assert (f"{layer.macs:,} multiply-adds" in words) == bool(layer.macs)
        joined = " ".join(words)
        assert all(formula in joined for formula in layer.size_arithmetic)


@pytest.mark.parametrize("name", ["LeNet5", "Squeezed"])
def test_the_rectangles_are_the_field_of_the_unit_at_the_centre(name: str) -> None:
    anatomy = anatomy_of(name)
    H, W = anatomy.input[1:]
    for group, layer in zip(of_class(drawn(anatomy), "field")[1:], anatomy.layers, strict=True):
        (frame,), (seen,) = of_class(group, "frame"), of_class(group, "seen")
        assert (frame.get("width"), frame.get("height")) == (str(W), str(H))
        pixels = np.zeros((H, W), dtype=bool)
        for x, y, width, height in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\3z", seen.get("d", "")):
            pixels[int(y) : int(y) + int(height), int(x) : int(x) + int(width)] = True
        field = layer.field
        assert np.array_equal(pixels, field.of(len(field.rows.seen) // 2, len(field.columns.seen) // 2))


def test_the_fields_size_is_said() -> None:
    words = {layer.name: texts(row)[-1] for row, layer in rows_and_layers("LeNet5")}
    assert (words["features.0"], words["features.5"], words["classifier.1"]) == ("5×5", "16×16", "whole image")
    words = {layer.name: texts(row)[-1] for row, layer in rows_and_layers("Squeezed")}
    assert words["stem"] == "3×5"


def rows_and_layers(name: str) -> list[tuple[ET.Element, object]]:
    anatomy = anatomy_of(name)
    return list(zip(of_class(drawn(anatomy), "row")[1:], anatomy.layers, strict=True))


@pytest.mark.parametrize("name", ["LeNet5", "Squeezed"])
def test_every_edge_is_drawn_once(name: str) -> None:
    """An arrowhead an edge: from above where the rows are neighbours, else at the side."""
    anatomy = anatomy_of(name)
    numbers = {"input": 0} | {layer.name: i for i, layer in enumerate(anatomy.layers, start=1)}
    spans = [i - numbers[source] for i, layer in enumerate(anatomy.layers, start=1) for source in set(layer.inputs)]
    root = drawn(anatomy)
    heads = [head.get("d", "").count("M") for head in of_class(root, "head")]
    at_side = [head.get("d", "").count("M") for wire in of_class(root, "wire") for head in of_class(wire, "head")]
    assert sum(heads) == len(spans)
    assert sum(at_side) == sum(span > 1 for span in spans)
    assert (sum(at_side) > 0) == (name == "Squeezed")


def test_wires_do_not_lie_on_each_other() -> None:
    trunks = []
    for wire in of_class(drawn(anatomy_of("Squeezed")), "wire"):
        (line,) = of_class(wire, "line")
        for x, top, bottom in re.findall(r"M([\d.]+) ([\d.]+)V([\d.]+)", line.get("d", "")):
            trunks.append((float(x), float(top), float(bottom)))
    assert len({x for x, *_ in trunks}) > 1  # there is something to keep apart
    for i, (x, top, bottom) in enumerate(trunks):
        for other, other_top, other_bottom in trunks[:i]:
            assert x != other or bottom <= other_top or other_bottom <= top


def test_names_stay_text_and_in_their_boxes() -> None:
    rows = of_class(drawn(anatomy_of("Hostile")), "row")
    names = [texts(row)[0] for row in rows]
    assert names[1] == '<b a="1">&'
    assert names[4] == "a\ufffdb\\"
    assert names[2].startswith("…x")
    for row, name in zip(rows, names, strict=True):
        (box,) = of_class(row, "box")
        assert text_width(name, STRONG) < float(box.get("width", ""))
    tooltip = rows[2].find(f"{SVG}title")
    assert tooltip is not None
    assert "x" * 90 in (tooltip.text or "")


def test_a_layer_may_be_called_as_the_image() -> None:
    root = drawn(anatomy_of("Hostile"))
    assert not of_class(root, "wire")  # a plain chain
    assert len(of_class(root, "head")) == 4


def test_it_can_lie_in_any_page() -> None:
    drawing = net_diagram(anatomy_of("LeNet5"))
    root = ET.fromstring(drawing)
    assert drawing == net_diagram(describe(LeNet5(), (1, 28, 28)))
    assert root.get("role") == "img"
    assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
    assert re.findall(r"https?://[^\"]*", drawing) == ["http://www.w3.org/2000/svg"]
    assert not any(element.get("id") for element in root.iter())
    (style,) = root.iter(f"{SVG}style")
    rules = re.sub(r"@media[^{]*", "", style.text or "")
    assert all(
        selector.strip().startswith(".cnnlab-") for selector in re.findall(r"[^{};]+(?=\{)", rules) if selector.strip()
    )


def test_text_is_cut_to_its_width() -> None:
    assert shortened("conv", 200) == "conv"
    assert text_width(shortened("m" * 50, 100)) <= 100
    assert shortened("stages.3.conv", 60, keep_end=True).endswith("conv")


def test_dot_has_a_node_a_layer_and_its_edges() -> None:
    anatomy = anatomy_of("Squeezed")
    dot = net_dot(anatomy)
    labels = dict(re.findall(r'^  (layer\d+) \[label="((?:[^"\\]|\\.)*)"\];$', dot, flags=re.MULTILINE))
    names = {node: label.split("\\n")[0] for node, label in labels.items()}
    edges = {(names[source], names[target]) for source, target in re.findall(r"(layer\d+) -> (layer\d+);", dot)}
    assert "rankdir=TB" in dot
    assert labels["layer1"] == r"stem\nConv2d\n6×6×20\nfield 3×5"
    assert edges == {(source, layer.name) for layer in anatomy.layers for source in layer.inputs}


def test_dot_escapes_names() -> None:
    dot = net_dot(anatomy_of("Hostile"))
    assert r'label="<b a=\"1\">&\nConv2d' in dot
    assert "b\\\\\\nConv2d" in dot
    assert dot.count("->") == 4


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("name", ["LeNet5", "Squeezed", "Hostile"])
def test_graphviz_reads_it(name: str) -> None:
    subprocess.run(["dot", "-Tplain"], input=net_dot(anatomy_of(name)).encode(), capture_output=True, check=True)
