"""Maps continued over their border, or cut, as the page computes them, against PyTorch's own modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.explorer.bare_pages import MEAN, STD, bare_page, images_of
from tests.explorer.test_explorer_in_chromium import by_hooks, opened, page_values
from torch import Tensor, nn

from cnnlab.data.normalise import normalise


class Borders(nn.Module):
    """Every mode of padding, sides that differ, slices with steps."""

    def __init__(self) -> None:
        super().__init__()
        self.mirrored = nn.Conv2d(1, 4, 5, padding=2, padding_mode="reflect")
        self.wrapped = nn.Conv2d(4, 4, 3, padding=(1, 0), padding_mode="circular")
        self.repeated = nn.ReplicationPad2d((3, 0, 1, 2))
        self.after = nn.Conv2d(4, 6, 3, stride=2)
        self.uneven = nn.Conv2d(6, 6, 3)
        self.head = nn.LazyLinear(10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.after(self.repeated(torch.tanh(self.wrapped(self.mirrored(x)))))
        x = self.uneven(F.pad(x[:, :, 1:-1], (2, 0, 0, 1)))
        return self.head(x[..., ::3].tanh()[:, :, ::2, :4].flatten(1))


@pytest.mark.browser
def test_borders_and_cuts_are_pytorch_s_to_1e_4(browser: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, images = Borders().eval(), images_of(3, (1, 28, 28))
    net(torch.zeros(2, 1, 28, 28))
    with opened(browser, bare_page(net, tmp_path / "page.html", images=images)) as page:
        assert page.evaluate("explorer.checked.then(found => found.deviation)") < 1e-4
        for pixels in images:
            expected, found = by_hooks(net, normalise(pixels[None], MEAN, STD)), page_values(page, pixels)
            assert {"mirrored", "wrapped", "repeated", "after", "uneven"} <= set(found)
            for layer in (layer for layer in expected if layer in found):
                largest = np.abs(expected[layer]).max() or 1
                assert np.abs(found[layer] - expected[layer]).max() / largest < 1e-4, layer
