"""Whatever a net's layers and classes are called, the page shows each layer's own arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.explorer.bare_pages import bare_page
from tests.explorer.test_explorer_in_chromium import opened
from torch import Tensor, nn

from cnnlab.anatomy import describe
from cnnlab.errors import UserError
from cnnlab.explorer.translation import translate


class Named(nn.Module):
    """A convolution, a gate and a convolution, under names of the test's choice."""

    def __init__(self, first: str, gate: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.names = (first, gate)
        self.add_module(first, nn.Conv2d(1, 4, 3, padding=1))
        self.add_module(gate, nn.Softmax(1))
        self.two, self.dense = nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        for name in self.names:
            x = self.get_submodule(name)(x)
        return self.dense(self.two(x).mean((2, 3)))


def test_a_layer_called_as_the_answer_s_last_may_answer() -> None:
    net = nn.Sequential()
    net.add_module("flatten", nn.Flatten())
    net.add_module("input", nn.Linear(784, 10))
    assert [layer.inputs for layer in translate(net, (1, 28, 28), 10).layers] == [(".image",), ("flatten",)]


def test_a_name_that_only_the_page_has_is_refused() -> None:
    net = nn.Sequential(nn.Flatten())
    setattr(net, ".image", nn.Linear(784, 10))  # add_module would refuse it
    with pytest.raises(UserError, match=r"layer \.image .* begin with a dot"):
        translate(net, (1, 28, 28), 10)


def test_no_two_calls_have_one_name() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu_1 = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.relu_1(torch.relu(torch.relu(x)))

    assert [layer.name for layer in describe(Twice()).layers] == ["relu", "relu_2", "relu_1"]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("first", "gate"),
    [
        ("input", "image"),
        ("softmax", "the image"),
        ("first", "softmax"),
        ("__proto__", "constructor"),
        ("a 'b' \"c\" <i>", "δέλτα ⅓ #&=%"),
    ],
)
def test_names_change_nothing(browser: Any, tmp_path: Path, first: str, gate: str) -> None:
    plain, named = Named("first", "gate"), Named(first, gate)
    values, fields = [], []
    for net in (plain, named):
        with opened(browser, bare_page(net, tmp_path / "page.html")) as page:
            assert page.evaluate("explorer.checked.then(found => found.deviation)") < 1e-4
            values.append(page.evaluate("explorer.net.layers.map(layer => [...layer.values])"))
            fields.append(page.evaluate("explorer.field('two', [0, 14, 14])"))
            names = page.evaluate("explorer.net.layers.map(layer => layer.name)")
            assert len(set(names)) == len(names)
            shown = page.evaluate("[...document.querySelectorAll('[data-layer]')].map(each => each.dataset.layer)")
            assert [*net.names, "two"] == shown[:3]
            assert page.evaluate("[...document.querySelectorAll('[id]')].every(each => !/\\s/.test(each.id))")
    assert values[0] == values[1]
    assert fields[0] == fields[1]
    with opened(browser, tmp_path / "page.html") as page:
        page.evaluate("name => explorer.state.set({ layer: name, unit: [1, 3, 4] })", gate)
        assert page.locator("#unit-title .type").inner_text() == f"{gate} Softmax"
        page.wait_for_timeout(400)  # the link follows a moment later
        fragment = page.evaluate("location.hash.slice(1)")
    with opened(browser, tmp_path / "page.html", fragment) as page:
        assert page.evaluate("explorer.state.choice.layer") == gate


@pytest.mark.browser
def test_classes_of_any_name_are_text_and_break_no_layout(browser: Any, tmp_path: Path) -> None:
    classes = ("<img src=x onerror=alert(1)>", "x" * 120, "__proto__", "a & b", *"456789")
    path = bare_page(Named("first", "gate"), tmp_path / "page.html", classes=classes)
    with opened(browser, path, "layer=.softmax&unit=1.0.0", viewport={"width": 900, "height": 900}) as page:
        assert page.locator("#unit-title").inner_text().startswith("Answer softmax by this page class xxx")
        assert page.locator("#answers .class").all_inner_texts()[0] == classes[0]
        assert page.locator("#unit tbody th").all_inner_texts() == list(classes)
        assert page.evaluate("document.querySelectorAll('img').length") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 900
