"""The playground's main path in a second browser: its kernels, PyTorch's steps, and a net that learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cnnlab.data import load
from cnnlab.playground import playground_page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("playground") / "playground.html"
    path.write_text(playground_page(["lenet5"], load("mnist-5k@1000")).html, encoding="utf-8")
    return path


def test_it_trains_as_pytorch_does_and_stops(firefox: Any, page_path: Path) -> None:
    with firefox.opened(page_path) as page:
        page.wait_for("window.playground")
        page.evaluate("playground.proofs = []")
        page.evaluate("playground.learning.addEventListener('proof', ({ detail }) => playground.proofs.push(detail))")
        assert page.evaluate("playground.learning.trainer.ready.then(({ kernel }) => kernel)") in ("simd+fma", "simd")
        page.mouse(page.point("#play"))
        page.wait_for("playground.learning.trainer.curves.epochs.length >= 2")
        page.mouse(page.point("#play"))
        page.wait_for("!playground.learning.trainer.isPlaying")
        proofs = page.evaluate("playground.proofs.map(({ step, deviation }) => [step, deviation])")
        assert [step for step, _ in proofs][:2] == [1, 10]
        assert max(deviation for step, deviation in proofs if step <= 10) < 1e-4
        first, *_, last = page.evaluate(
            "playground.learning.trainer.curves.epochs.map(epoch => epoch.validation_accuracy)"
        )
        assert last > max(first, 0.5)
