"""The page says of an image whether it is like what its net was trained on, as `cnnlab predict` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.axe import findings
from tests.explorer.test_explorer_in_chromium import opened
from torch import Tensor

from cnnlab.data import load
from cnnlab.explorer import ExploredRun, explorer_page
from cnnlab.explorer.page import WEB
from cnnlab.features.unlike import Unlike, fit
from cnnlab.one_script import one_script

pytestmark = pytest.mark.browser

#: Validation images by which the page's rank may differ: its numbers are rounded to a 32,767th.
RANKS = 1

JUDGE = """images => images.map(pixels => {
  explorer.net.pixels.set(pixels);
  explorer.state.set({ image: null });
  const told = document.querySelector(".likeness");
  return [Number(told.dataset.p), told.classList.contains("alarm"), told.querySelector("p").textContent];
})"""


def strangers(digits: Tensor) -> Tensor:
    """Noise, digits inverted, turned and laid on one another, a full and an empty sheet."""
    noise = torch.randint(0, 256, (4, 1, 28, 28), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    some = digits[:8]
    blank = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    return torch.cat([noise, 255 - some, some.rot90(1, (2, 3)), some.maximum(some.flip(0)), blank, 255 - blank])


@pytest.fixture(scope="module")
def told(explored: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """A net of `explored`, what was fitted to it, and its page with that."""
    made: dict[str, tuple[Any, Unlike, Path]] = {}

    def of(name: str) -> tuple[Any, Unlike, Path]:
        if name not in made:
            one = explored(name)
            fitted = fit(one.net, one.data)
            path = tmp_path_factory.mktemp("told") / f"{name}.html"
            path.write_text(explorer_page([ExploredRun(one.run, one.net, fitted)], one.data).html)
            made[name] = one, fitted, path
        return made[name]

    return of


def judged(page: Any, images: Tensor) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The page's p-values, its verdicts, and its words."""
    page.evaluate("explorer.likened")
    p_values, verdicts, words = zip(*page.evaluate(JUDGE, images.flatten(1).tolist()), strict=True)
    return np.array(p_values), np.array(verdicts), list(words)


@pytest.mark.parametrize("name", ["lenet5", "simple-cnn", "branching", "mlp"])
def test_p_values_and_verdicts_are_python_s(browser: Any, told: Callable[[str], Any], name: str) -> None:
    made, fitted, path = told(name)
    images = torch.cat([made.data.test.images[:60], strangers(made.data.test.images)])
    expected = fitted.p_values(made.net, images, mean=made.data.mean, std=made.data.std).numpy()
    with opened(browser, path) as page:
        p_values, verdicts, words = judged(page, images)
    rank = 1 / (len(fitted.sums) + 1)
    tells = (
        np.minimum(p_values, expected) < 0.5
    )  # above, sums of next to nothing are ranked, of a log-softmax's rounding
    assert np.abs(p_values - expected)[tells].max() <= RANKS * rank * 1.001
    far = np.abs(expected - 0.01) > RANKS * rank
    assert np.array_equal(verdicts[far], expected[far] <= 0.01)
    assert (expected[:60] > 0.5).any(), "some are ordinary"
    assert (expected[60:] <= 0.01).sum() >= 10, "some are found"
    for verdict, said in zip(verdicts, words, strict=True):
        assert said.startswith("Like nothing this net was trained on" if verdict else "Like what it was trained on")


def test_garments_are_told_as_python_tells_them(browser: Any, told: Callable[[str], Any], full_sets: Path) -> None:
    made, fitted, path = told("lenet5")
    images = load("fashion-mnist", root=full_sets).test.images[:40]
    expected = fitted.p_values(made.net, images, mean=made.data.mean, std=made.data.std).numpy()
    with opened(browser, path) as page:
        p_values, _, _ = judged(page, images)
    assert np.abs(p_values - expected).max() <= RANKS * 1.001 / (len(fitted.sums) + 1)
    assert (expected <= 0.01).mean() > 0.5


def test_its_scores_are_shown_and_the_verdict_follows_the_rate(browser: Any, told: Callable[[str], Any]) -> None:
    made, fitted, path = told("lenet5")
    p_values = fitted.p_values(made.net, made.data.test.images, mean=made.data.mean, std=made.data.std)
    place = int(((p_values > 0.02) & (p_values < 0.045)).nonzero()[0])
    image = made.data.test.images[place : place + 1]
    with opened(browser, path) as page:
        page.evaluate("explorer.likened")
        rates = page.locator("#likeness option").evaluate_all("all => all.map(each => Number(each.value))")
        assert rates == [0.005, 0.01, 0.02, 0.05, 0.1], "400 ranked images hold no lower one"
        assert page.locator("#likeness select").input_value() == "0.01"
        assert judged(page, image)[1].tolist() == [False]
        page.select_option("#likeness select", "0.05")
        assert page.locator(".likeness.alarm b").inner_text().startswith("Like nothing this net was trained on")
        spoken = page.locator("#image-name").inner_text()
        answer = page.locator("#answers .best .class").inner_text()
        assert spoken == f"your own image; like nothing the net was trained on, closest {answer}"
        page.wait_for_function("() => location.hash.includes('alarms=0.05')")
        link = page.evaluate("location.hash").lstrip("#")
        page.locator(".likeness summary").click()
        shown = page.locator(".likeness td").all_inner_texts()
        scores = fitted.scores(made.net, image, mean=made.data.mean, std=made.data.std)[0]
        above = ((scores - fitted.middle) / fitted.spread).clamp(min=0)
        np.testing.assert_allclose([float(text.replace("−", "-")) for text in shown], above, rtol=2e-3, atol=2e-3)
        said = page.locator(".likeness details > p").all_inner_texts()
        rank = round(float(p_values[place]) * (len(fitted.sums) + 1)) - 1
        assert any(said[0].startswith(f"{rank + by} of 400 validation images ") for by in (-1, 0, 1))
        limit = float(said[-1].split("above ")[1].rstrip("."))
        assert limit == pytest.approx(float(fitted.sums[len(fitted.sums) - 20]), rel=1e-3), "0.05 × 401 = 20.05"
    with opened(browser, path, link) as page:
        page.evaluate("explorer.likened")
        assert page.locator("#likeness select").input_value() == "0.05"


def test_it_is_told_of_the_finished_net_as_it_is_used(browser: Any, told: Callable[[str], Any]) -> None:
    _, _, path = told("lenet5")
    with opened(browser, path, "image=0") as page:
        page.evaluate("explorer.likened")
        page.evaluate("explorer.remembered")
        said = page.locator(".likeness > p")
        before = said.inner_text()
        assert before.startswith("Like ")
        for begin, end in (
            ("document.getElementById('normalise').click()",) * 2,
            ("explorer.state.set({ time: 0 })", "explorer.state.set({ time: null })"),
        ):
            page.evaluate(begin)
            assert said.inner_text().startswith("Whether the image is like what the net was trained on is told of")
            assert not page.locator(".likeness details").is_visible()
            page.evaluate(end)
            assert said.inner_text() == before
        page.locator("#dropping > summary").click()
        page.get_by_text("Lay one mask on the net").click()
        assert said.inner_text().startswith("Whether")


def test_two_nets_are_each_told(browser: Any, told: Callable[[str], Any], tmp_path: Path) -> None:
    shown = [told("lenet5"), told("mlp")]
    path = tmp_path / "two.html"
    pages = [ExploredRun(made.run, made.net, fitted) for made, fitted, _ in shown]
    path.write_text(explorer_page(pages, shown[0][0].data).html)
    images = strangers(shown[0][0].data.test.images)[4:6]
    with opened(browser, path) as page:
        judged(page, images)
        found = page.locator(".likeness").evaluate_all("all => all.map(each => Number(each.dataset.p))")
        assert "closest" in page.locator("#image-name").inner_text()
    for (made, fitted, _), p_value in zip(shown, found, strict=True):
        expected = fitted.p_values(made.net, images[-1:], mean=made.data.mean, std=made.data.std)
        assert abs(p_value - float(expected)) <= RANKS * 1.001 / (len(fitted.sums) + 1)


@pytest.mark.parametrize(("ranked", "rates"), [(40, ["0.05", "0.1"]), (5, [])])
def test_rates_that_validation_images_cannot_hold_are_not_offered(
    browser: Any, told: Callable[[str], Any], tmp_path: Path, ranked: int, rates: list[str]
) -> None:
    made, fitted, _ = told("lenet5")
    few = replace(fitted, sums=fitted.sums[-ranked:].clone())
    path = tmp_path / "few.html"
    path.write_text(explorer_page([ExploredRun(made.run, made.net, few)], made.data).html)
    with opened(browser, path) as page:
        page.evaluate("explorer.likened")
        assert page.locator("#likeness option").evaluate_all("all => all.map(each => each.value)") == rates
        assert page.locator("#likeness").is_visible() == (page.locator(".likeness").count() == 1) == bool(rates)
        if rates:
            assert page.locator("#likeness select").input_value() == "0.05"


def test_where_nothing_was_fitted_the_page_is_as_it_was(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("lenet5").page) as page:
        page.evaluate("explorer.likened")
        assert page.locator(".likeness").count() == 0
        assert not page.locator("#likeness").is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_it_fits_and_can_be_read(browser: Any, told: Callable[[str], Any], width: int, scheme: str) -> None:
    made, _, path = told("lenet5")
    with opened(browser, path, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        assert judged(page, 255 - made.data.test.images[:1])[1].tolist() == [True]
        page.locator(".likeness summary").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert findings(page) == []
        over = page.locator(".likeness").evaluate("each => each.scrollWidth - each.clientWidth")
        assert over <= 0


@pytest.fixture(scope="module")
def in_page(browser: Any) -> Iterator[Any]:
    """`unlike.js` alone in Chromium."""
    page = browser.new_page()
    page.add_script_tag(content=one_script(WEB, "unlike.js") + "globalThis.unlike = unlike_js;", type="module")
    page.wait_for_function("globalThis.unlike !== undefined")
    yield page
    page.close()


SCORES = """([fitted, answers, features, pixels]) => {
  const numbers = values => values && Float32Array.from(values, Number);
  const large = Object.fromEntries(["means", "components", "neighbours"].map(name => [name, numbers(fitted[name])]));
  const made = new unlike.Unlike({ ...fitted, ...large });
  const scores = made.scores(answers.map(Number), features && features.map(Number), pixels);
  return { ...made.rank(scores), scores: scores.map(String) };
}"""


def written(values: Tensor) -> list[str]:
    """Numbers that JSON has no word for, too."""
    return [str(value).replace("inf", "Infinity").replace("nan", "NaN") for value in values.flatten().tolist()]


@pytest.mark.parametrize(
    ("shape", "side", "classes", "neighbours"),
    [
        ((1, 28, 28), (28, 28), 10, (30, 12)),
        ((3, 45, 37), (32, 32), 3, (4, 6)),  # fewer neighbours than ten, shrunk by no whole factor
        ((1, 100, 7), (32, 7), 1, None),
    ],
)
def test_every_score_is_python_s(in_page: Any, shape: Any, side: Any, classes: int, neighbours: Any) -> None:
    generator = torch.Generator().manual_seed(8)
    size = shape[0] * side[0] * side[1]
    count = 2 if neighbours is None else 3
    fitted = Unlike(
        net="",
        data="",
        temperature=1.0,
        ece=(0.0, 0.0),
        classes=5,
        side=side,
        middle=torch.tensor([-3.0, 1.0, size / 20])[-count:],
        spread=torch.rand(count, generator=generator) + 0.1,
        sums=(torch.rand(50, generator=generator) * 40).sort().values,
        pixel_means=torch.rand(classes, size, generator=generator),
        pixel_components=torch.nn.functional.normalize(torch.randn(classes, 6, size, generator=generator), dim=2),
        neighbours=None if neighbours is None else torch.randn(neighbours, generator=generator),
    )
    images = torch.randint(0, 256, (6, *shape), generator=generator, dtype=torch.uint8)
    answers = torch.randn(6, 5, generator=generator) * 4
    answers[1, 2], answers[2, 3], answers[3] = torch.nan, torch.inf, -torch.inf
    features = None if neighbours is None else torch.randn(6, neighbours[1], generator=generator)
    if features is not None:
        features[4, 0] = torch.nan
    expected = fitted.scores_of(answers, features, images)
    sums = fitted.sums_of(expected)
    as_page = {name: written(getattr(fitted, name)) for name in ("middle", "spread", "sums")} | {
        "means": written(fitted.pixel_means),
        "components": written(fitted.pixel_components),
        "neighbours": None if fitted.neighbours is None else written(fitted.neighbours),
        "shape": shape,
        "side": side,
        "count": 6,
        "neighbour": 10,
    }
    as_page |= {name: [float(value) for value in as_page[name]] for name in ("middle", "spread", "sums")}
    for i in range(6):
        taken = None if features is None else written(features[i])
        found = in_page.evaluate(SCORES, [as_page, written(answers[i]), taken, images[i].flatten().tolist()])
        scores = [float(score.replace("Infinity", "inf")) for score in found["scores"]]
        np.testing.assert_allclose(scores, expected[i].numpy(), rtol=2e-6)
        rank = len(fitted.sums) - int(torch.searchsorted(fitted.sums, sums[i : i + 1]))
        assert found["asStrange"] == rank
        assert found["pValue"] == pytest.approx((rank + 1) / 51)


def test_of_more_features_than_are_kept_every_so_many_th_is_taken(in_page: Any) -> None:
    from cnnlab.features.penultimate import at_most

    found = in_page.evaluate(
        """width => {
          const values = Float32Array.from({ length: width }, (_, i) => i);
          return [...unlike.featuresOf({ byName: new Map([["head", { reads: [{ values }] }]]) }, "head")];
        }""",
        2500,
    )
    assert found == at_most(torch.arange(2500.0)[None])[0].tolist()
    assert len(found) == 1024
