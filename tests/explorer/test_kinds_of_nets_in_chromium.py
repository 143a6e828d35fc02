"""Every layer of nets of all kinds, as the page computes it, against PyTorch's own modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.explorer.bare_pages import MEAN, STD, bare_page, images_of
from tests.explorer.test_explorer_in_chromium import by_hooks, opened, page_values
from tests.explorer.twelve_nets import NETS, random_net

from cnnlab.data.normalise import normalise

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", NETS)
def test_every_layer_is_pytorch_s_to_1e_4(browser: Any, tmp_path: Path, name: str) -> None:
    net = random_net(name)
    images = images_of(3, (3 if name == "colours" else 1, 28, 28))
    mean, std = MEAN * images.shape[1], STD * images.shape[1]
    with opened(browser, bare_page(net, tmp_path / "page.html", images=images)) as page:
        assert page.evaluate("explorer.checked.then(found => found.deviation)") < 1e-4
        for pixels in images:
            expected = by_hooks(net, normalise(pixels[None], mean, std))
            found = page_values(page, pixels)
            compared = [layer for layer in expected if layer in found]
            assert len(compared) >= 2
            for layer in compared:
                largest = np.abs(expected[layer]).max() or 1
                assert np.abs(found[layer] - expected[layer]).max() / largest < 1e-4, layer
            answer = found[page.evaluate("explorer.net.output.name")]
            assert np.abs(answer - expected["answer"]).max() / np.abs(expected["answer"]).max() < 1e-4
