"""What a unit is said to see is what its gradient reaches, whatever the net is made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.explorer.bare_pages import bare_page
from tests.explorer.test_explorer_in_chromium import opened
from torch import Tensor, nn

pytestmark = pytest.mark.browser

SIDE = 12


class Sees(nn.Module):
    """Layers by their names, a function that uses them, and a dense layer after its maps."""

    def __init__(self, maps: Callable[[nn.Module, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.maps = maps
        self.last = nn.Identity()
        self.head = nn.Linear(maps(self, torch.zeros(1, 1, SIDE, SIDE)).numel(), 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.last(self.maps(self, x)).flatten(1))


def conv(*arguments: Any, **settings: Any) -> nn.Conv2d:
    return nn.Conv2d(*arguments, **settings)


NETS: dict[str, tuple[Callable[[nn.Module, Tensor], Tensor], dict[str, nn.Module]]] = {
    "padding": (lambda net, x: net.a(x), {"a": conv(1, 2, 5, padding=2)}),
    "padding alone": (lambda net, x: net.a(x), {"a": conv(1, 2, 1, padding=2)}),
    "dilation": (lambda net, x: net.a(x), {"a": conv(1, 2, 3, dilation=3, padding=3)}),
    "gaps between windows": (lambda net, x: net.b(net.a(x)), {"a": conv(1, 2, 1, stride=3), "b": conv(2, 2, 2)}),
    "adaptive pool": (lambda net, x: net.a(x), {"a": nn.AdaptiveAvgPool2d((5, 7))}),
    "adaptive pool of tiles": (lambda net, x: net.a(x), {"a": nn.AdaptiveAvgPool2d(6)}),
    "mean over channels": (lambda net, x: net.a(x).mean(1, keepdim=True), {"a": conv(1, 3, 3)}),
    "mean over columns": (lambda net, x: net.a(x).mean(3, keepdim=True), {"a": conv(1, 3, 3)}),
    "softmax over channels": (lambda net, x: net.a(x).softmax(1), {"a": conv(1, 3, 3)}),
    "joined along rows": (
        lambda net, x: torch.cat([net.a(x), net.b(x)], 2),
        {"a": conv(1, 2, 3, padding=1), "b": conv(1, 2, 1)},
    ),
    "crosswise branches": (
        lambda net, x: net.a(x) + net.b(x),
        {"a": conv(1, 2, (1, 5), padding=(0, 2)), "b": conv(1, 2, (5, 1), padding=(2, 0))},
    ),
    "a gate": (lambda net, x: net.a(x) * net.b(x).mean((2, 3), keepdim=True), {"a": conv(1, 2, 3), "b": conv(1, 2, 3)}),
    "groups": (lambda net, x: net.b(net.a(x)), {"a": conv(1, 4, 3), "b": conv(4, 4, 3, groups=2)}),
    "transposed": (
        lambda net, x: net.b(net.a(x)),
        {"a": conv(1, 4, 3, stride=3), "b": nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, dilation=2, groups=2)},
    ),
    "group norm": (lambda net, x: net.b(net.a(x)[:, :, :3, :4]), {"a": conv(1, 4, 3), "b": nn.GroupNorm(2, 4)}),
    "layer norm of channels": (
        lambda net, x: net.b(net.a(x).movedim(1, 3)).movedim(3, 1),
        {"a": conv(1, 4, 3), "b": nn.LayerNorm(4)},
    ),
    "dense along rows": (lambda net, x: net.b(net.a(x)), {"a": conv(1, 2, (3, 1)), "b": nn.Linear(12, 5)}),
    "shuffled and turned": (
        lambda net, x: F.pad(net.b(net.a(x)).flip(3).roll(2, 2), (0, 0, 0, 0, 0, 1)),
        {"a": conv(1, 8, 3), "b": nn.PixelShuffle(2)},
    ),
    "enlarged": (lambda net, x: net.b(net.a(x)), {"a": conv(1, 2, 5, stride=3), "b": nn.Upsample(scale_factor=3)}),
    "padded apart": (lambda net, x: net.a(F.pad(x, (3, 0, 0, 1))), {"a": conv(1, 2, 3)}),
}


def seen(net: Sees, unit: tuple[int, int, int]) -> np.ndarray:
    """The pixels (H, W) that a unit's gradient reaches."""
    image = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(3)).requires_grad_()
    net.maps(net, image)[0][unit].backward()
    return image.grad[0, 0].numpy() != 0


@pytest.mark.parametrize("name", NETS)
def test_a_unit_is_said_to_see_what_its_gradient_reaches(browser: Any, tmp_path: Path, name: str) -> None:
    maps, layers = NETS[name]
    net = Sees(maps, **layers).eval()
    images = torch.randint(0, 256, (2, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    _, rows, columns = maps(net, torch.zeros(1, 1, SIDE, SIDE))[0].shape
    with opened(browser, bare_page(net, tmp_path / "page.html", images=images)) as page:
        for unit in {(0, 0, 0), (0, rows // 2, columns // 3), (0, rows - 1, columns - 1)}:
            page.evaluate("unit => explorer.state.set({ layer: 'last', unit })", list(unit))
            says = page.inner_text("#field")
            pixels = seen(net, unit)
            if not pixels.any():
                assert says == "nothing it reads padding only"
                continue
            at = np.argwhere(pixels)
            (top, left), (bottom, right) = at.min(axis=0), at.max(axis=0)
            size = f"{bottom - top + 1}×{right - left + 1}"
            box = (bottom - top + 1) * (right - left + 1)
            if len(at) == box:
                assert says.startswith(f"{size} {box} pixel")
            else:
                assert says.startswith(f"at most {size} {len(at)} of these {box} pixels")
            for noun, first, last in (("row", top, bottom), ("column", left, right)):
                assert (f"{noun} {first}" if first == last else f"{noun}s {first}–{last}") in says


def test_what_lies_in_the_padding_is_told_apart(browser: Any, tmp_path: Path) -> None:
    net = Sees(lambda net, x: net.b(net.a(x)), a=conv(1, 2, 3, padding=1), b=conv(2, 2, 5, padding=2)).eval()
    images = torch.zeros(2, 1, SIDE, SIDE, dtype=torch.uint8)
    with opened(browser, bare_page(net, tmp_path / "page.html", images=images)) as page:
        for unit, says in {
            (0, 0, 5): "4×7 28 pixels: rows 0–3, columns 2–8; and padding, 3 rows above",
            (0, 5, 5): "7×7 49 pixels: rows 2–8, columns 2–8",
            (0, 11, 10): "4×5 20 pixels: rows 8–11, columns 7–11; and padding, 3 rows below and 2 columns to the right",
        }.items():
            page.evaluate("unit => explorer.state.set({ layer: 'b', unit })", list(unit))
            assert re.sub(r"\s+", " ", page.inner_text("#field")) == says
