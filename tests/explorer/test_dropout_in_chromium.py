"""Dropout's masks in the page are those that PyTorch draws in training, and disturb nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.explorer.bare_pages import bare_page, images_of
from tests.explorer.test_explorer_in_chromium import number, opened
from torch import Tensor, nn

from cnnlab.explorer.translation import translate

P = 0.35


class OnMaps(nn.Module):
    def __init__(self, drop: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.drop, self.norm = nn.Conv2d(1, 16, 5, stride=2), drop, nn.BatchNorm2d(16)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.drop(self.conv(x))).mean((2, 3)))


class OnRows(nn.Module):
    def __init__(self, drop: nn.Module) -> None:
        super().__init__()
        self.drop, self.head = drop, nn.Linear(784, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(x.flatten(2).squeeze(1).reshape(-1, 28, 28)).flatten(1))


KINDS = [
    (OnMaps, nn.Dropout(P)),
    (OnMaps, nn.Dropout2d(P)),
    (OnMaps, nn.Dropout3d(P)),
    (OnMaps, nn.AlphaDropout(P)),
    (OnMaps, nn.FeatureAlphaDropout(P)),
    (OnRows, nn.Dropout1d(P)),
]


@pytest.mark.parametrize(("made", "drop"), KINDS, ids=[type(drop).__name__ for _, drop in KINDS])
def test_what_is_dropped_as_one_is_what_pytorch_drops_as_one(made: Any, drop: nn.Module) -> None:
    (layer,) = (each for each in translate(made(drop), (1, 28, 28), 10).layers if each.layer.name == "drop")
    together = layer.operation["together"]
    torch.manual_seed(1)
    answers = drop.train()(torch.ones(64, *layer.layer.output_shape)).flatten(1)
    groups = answers.reshape(64, -1, together)
    assert bool((groups == groups[:, :, :1]).all()), "what is dropped as one has one fate"
    assert groups.shape[1] == 1 or bool((groups[:, 1:, 0] != groups[:, :-1, 0]).any()), "its neighbour has its own"
    assert len(answers.unique()) == 2


@pytest.mark.browser
@pytest.mark.parametrize(("made", "drop"), KINDS, ids=[type(drop).__name__ for _, drop in KINDS])
def test_a_mask_gives_pytorch_s_values(browser: Any, tmp_path: Path, made: Any, drop: nn.Module) -> None:
    net = made(drop).eval()
    with opened(browser, bare_page(net, tmp_path / "page.html"), "image=0") as page:
        page.evaluate("document.getElementById('dropping').open = true")
        page.locator("#dropping .dot").first.wait_for()
        together = page.evaluate("explorer.net.byName.get('drop').operation.together")
        kept, dropped = [], []
        for _ in range(6):
            page.evaluate("document.querySelector('#dropping .tools button').click()")
            before, after = (
                np.array(page.evaluate(f"[...{values}]"))
                for values in (
                    "explorer.net.byName.get('drop').reads[0].values",
                    "explorer.net.byName.get('drop').values",
                )
            )
            is_kept = np.array(page.evaluate("[...explorer.net.byName.get('drop').operation.mask.kept]")) == 1
            assert (is_kept.reshape(-1, together) == is_kept.reshape(-1, together)[:, :1]).all()
            kept += [(before[is_kept], after[is_kept])]
            dropped += [after[~is_kept]]
            page.evaluate("document.querySelector('#dropping .tools button').click()")
        torch.manual_seed(2)
        ones, zeros = (
            drop.train()(torch.full((400, 16, 12, 12) if made is OnMaps else (400, 28, 28), value))
            for value in (1.0, 0.0)
        )
        drop.eval()
        # Of a kept value x PyTorch makes scale · x + shift, a dropped one becomes the same whatever it was.
        puts = set(ones.unique().tolist()) & set(zeros.unique().tolist())
        assert len(puts) == 1
        shift = next(iter(set(zeros.unique().tolist()) - puts), 0.0)
        scale = next(iter(set(ones.unique().tolist()) - puts)) - shift
        for before, after in kept:
            np.testing.assert_allclose(after, scale * before + shift, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(np.concatenate(dropped), puts.pop(), rtol=1e-5, atol=1e-5)


@pytest.mark.browser
def test_a_masked_unit_s_arithmetic_gives_its_value(browser: Any, tmp_path: Path) -> None:
    with opened(browser, bare_page(OnMaps(nn.AlphaDropout(P)).eval(), tmp_path / "page.html"), "image=0") as page:
        page.evaluate("document.getElementById('dropping').open = true")
        page.evaluate("document.querySelector('#dropping .tools button').click()")
        said = set()
        for row in range(12):
            page.evaluate("row => explorer.state.set({ layer: 'drop', unit: [3, row, 4] })", row)
            value = page.evaluate("row => explorer.net.byName.get('drop').values[(3 * 12 + row) * 12 + 4]", row)
            assert float(page.locator("#worked").get_attribute("data-value")) == pytest.approx(value, rel=1e-5)
            assert "not stored for this" in page.inner_text("#unit .unit-facts"), "PyTorch's value is without the mask"
            said.add("dropped by the mask" in page.inner_text("#unit .strip"))
        assert said == {True, False}


@pytest.mark.browser
def test_nothing_done_while_it_is_compared_makes_a_deviation(browser: Any, tmp_path: Path) -> None:
    path = bare_page(OnMaps(nn.Dropout(P)).eval(), tmp_path / "page.html", images=images_of(20))
    with opened(browser, path, "image=0") as page:
        page.locator("#dropping > summary").click()
        page.locator("#dropping .dot").first.wait_for()
        found = page.evaluate(
            """async () => {
              const running = explorer.check();
              document.querySelector('#dropping .tools button').click();
              explorer.state.set({ isNormalised: false });
              explorer.net.pixels.fill(200);
              return (await running).deviation;
            }"""
        )
        assert found < 1e-4
        assert page.evaluate("explorer.net.isNormalised") is False
        assert page.evaluate("explorer.net.layers.some(layer => layer.operation.mask)")
        assert page.evaluate("explorer.net.pixels.every(pixel => pixel === 200)")


@pytest.mark.browser
def test_batch_norm_s_batch_is_that_of_the_whole_net(browser: Any, tmp_path: Path) -> None:
    with opened(browser, bare_page(OnMaps(nn.Dropout2d(P)).eval(), tmp_path / "page.html"), "image=0") as page:
        figures = "[...document.querySelectorAll('#norming tbody td')].map(each => each.textContent)"
        page.locator("#norming > summary").click()
        page.locator("#norming tbody").wait_for()
        whole = page.evaluate(figures)
        page.locator("#norming > summary").click()
        page.evaluate("document.getElementById('dropping').open = true")
        page.evaluate("document.querySelector('#dropping .tools button').click()")
        page.evaluate("explorer.state.set({ isNormalised: true })")  # collects anew
        page.locator("#norming > summary").click()
        assert page.evaluate(figures) == whole
        assert all(number(figure) == number(figure) for figure in whole)
