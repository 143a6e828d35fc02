"""Every layer of nets of all kinds, as the page computes it, against PyTorch's own modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.explorer.bare_pages import MEAN, STD, bare_page, images_of
from tests.explorer.kinds_of_nets import NETS, random_net
from tests.explorer.test_explorer_in_chromium import by_hooks, opened, page_values

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


@pytest.mark.parametrize("name", ["convnext", "shuffled", "autoencoder", "tokens"])
def test_a_unit_of_every_layer_is_worked_out(browser: Any, tmp_path: Path, name: str) -> None:
    with opened(browser, bare_page(random_net(name), tmp_path / "page.html")) as page:
        for layer in page.evaluate("explorer.net.layers.map(layer => layer.name)"):
            shape = page.evaluate("name => explorer.net.byName.get(name).shape", layer)
            maps, rows, columns = (*shape, 1, 1)[:3]
            for unit in ((0, 0, 0), (maps - 1, rows // 2, columns // 3)):
                page.evaluate("([layer, unit]) => explorer.state.set({ layer, unit })", [layer, unit])
                at = (unit[0] * rows + unit[1]) * columns + unit[2]
                value = page.evaluate("([name, at]) => explorer.net.byName.get(name).values[at]", [layer, at])
                worked = float(page.locator("#worked").get_attribute("data-value"))
                assert worked == pytest.approx(value, rel=1e-4, abs=1e-5), (layer, unit)
