"""The page fits to the net that it trained what tells unlike images, as Python does to the same weights and images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from tests.explorer.test_likeness_in_chromium import strangers
from tests.playground.test_teaching_in_chromium import drawn, saved
from torch import nn

from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.data.imageset import Split, image_set
from cnnlab.features import unlike
from cnnlab.nets import build_net
from cnnlab.playground import page as playground
from cnnlab.playground.images import page_images

pytestmark = pytest.mark.browser

NETS = ("lenet5", "simple-cnn", "mlp")

#: Validation images by which the page's rank may differ: shapes of pixels are rounded to a 32,767th, sums of products
#: in single precision come in another order.
RANKS = 1

JUDGE = """images => images.map(pixels => {
  playground.net.pixels.set(pixels);
  playground.state.set({ image: null });
  return Number(document.querySelector("#none .likeness").dataset.p);
})"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of three nets, without PyTorch's steps."""
    path = tmp_path_factory.mktemp("playground") / "page.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playground, "proof", lambda *_: None)
        path.write_text(playground.playground_page(NETS, load("mnist-5k@1000")).html, encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Any, path: Path) -> Iterator[Callable[[str], Any]]:
    """The page with one of its nets."""
    page = browser.new_page(viewport={"width": 1366, "height": 768}, accept_downloads=True)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def of(fragment: str) -> Any:
        page.goto(f"{path.as_uri()}#{fragment}")
        page.wait_for_selector("#engine:not(:empty)")
        return page

    yield of
    page.close()
    assert errors == []


def fitted(page: Any) -> None:
    says = page.locator("#none p[role=status]")
    says.filter(has_text="ranked among 400 validation images").wait_for(timeout=60_000)


@pytest.mark.parametrize("name", NETS)
def test_p_values_are_python_s(opened: Callable[[str], Any], name: str, tmp_path: Path) -> None:
    data = load("mnist-5k@1000")
    page = opened(f"net={name}&panel=none")
    page.evaluate("playground.learning.trainer.step(20)")
    fitted(page)
    images = torch.cat([data.test.images[:60], strangers(data.test.images)])
    found = np.array(page.evaluate(JUDGE, images.flatten(1).tolist()))
    net = build_net(NetSpec(name=name), image_shape=(1, 28, 28), num_classes=10, seed=0)
    net.load_state_dict(safetensors.torch.load_file(saved(page, tmp_path / "net.safetensors")))
    by_python = unlike.fit(net.eval(), data)
    expected = by_python.p_values(net, images, mean=data.mean, std=data.std).numpy()
    rank = 1 / (len(by_python.sums) + 1)
    tells = np.minimum(found, expected) < 0.5
    assert np.abs(found - expected)[tells].max() <= RANKS * rank * 1.001
    assert (np.minimum(found, expected)[~tells] >= 0.5).all()
    far = np.abs(expected - 0.01) > RANKS * rank
    assert np.array_equal((found <= 0.01)[far], (expected <= 0.01)[far])
    assert (expected[60:] <= 0.01).sum() >= 10, "some are found"
    assert (expected[:60] > 0.1).sum() >= 30, "and most digits are like them"


def test_it_is_fitted_when_somebody_draws_and_not_before(opened: Callable[[str], Any]) -> None:
    page = opened("net=mlp")
    page.evaluate("playground.learning.trainer.step(20)")
    page.evaluate("playground.state.set({ image: 0 })")
    page.wait_for_timeout(1500)
    assert page.is_hidden("#none-says"), "nobody has asked"
    page.get_by_role("button", name="Clear").click()
    drawn(page, [(0.1, y) for y in (0.1, 0.9)], *[[(x, 0.1), (x, 0.9)] for x in (0.2, 0.35, 0.5, 0.65, 0.8, 0.95)])
    page.wait_for_selector("#none-says.alarm", timeout=60_000)
    answer = page.inner_text("#answers .best .class")
    says = page.locator("#image-name")
    assert says.inner_text() == f"like nothing the net was trained on, closest {answer}"
    widths = "[...document.querySelectorAll('.sheet, #answers, #image-name')].map(each => each.offsetWidth)"
    assert page.evaluate(widths) == [196] * 3, "the column is no wider for the words"
    assert page.evaluate("document.querySelector('#answers').getBoundingClientRect().bottom") < 768
    page.evaluate("playground.state.set({ image: 0 })")
    assert page.inner_text("#none-says") == "Like its images"
    page.evaluate("playground.learning.trainer.step()")
    page.wait_for_selector("#none-says", state="hidden")


def test_a_training_that_goes_on_ends_the_fitting(opened: Callable[[str], Any]) -> None:
    page = opened("net=simple-cnn&panel=none")
    page.evaluate("playground.learning.trainer.step(2)")
    says = page.locator("#none p[role=status]")
    says.filter(has_text="Measuring").wait_for(timeout=20_000)
    page.evaluate("playground.learning.trainer.step(2)")
    assert page.evaluate("playground.learning.trainer.steps") == 4
    fitted(page)
    assert page.evaluate(JUDGE, [[0] * 784])[0] <= 1


def test_what_was_taught_is_among_its_neighbours(opened: Callable[[str], Any]) -> None:
    page = opened("net=mlp&panel=none")
    page.evaluate("playground.learning.trainer.step(5)")
    fitted(page)
    assert "among 1,000 training images" in page.inner_text("#none p[role=status]")
    page.evaluate(
        """async () => {
          const taught = new Uint8Array(2 * 784).fill(200);
          await playground.learning.trainer.addImages(taught, [1, 2], 3);
          await playground.learning.trainer.step(5);
        }"""
    )
    fitted(page)
    assert "among 1,002 training images" in page.inner_text("#none p[role=status]")


FIT = """const { fit } = await module("unlike_fit.js");
const { unrounded } = await import("http://modules.test/explorer/web/unlike.js");
const [planned, data, shapes, training, pixels, ofTrain, ofValidation, asked] = given;
const numbers = (values) => Float32Array.from(values);
const trainer = {
  planned, training: { images: Uint32Array.from(training) }, images: Uint8Array.from(pixels), isPlaying: false,
  async features(images, layer) {
    const of = (at) => (at < data.train ? ofTrain[at] : ofValidation[at - data.train]);
    const join = (key) => numbers([...images].flatMap((at) => of(at)[key]));
    return { answers: join("answers"), features: layer === null ? numbers([]) : join("features") };
  },
};
const content = { record: { data } };
const made = { ...shapes, means: numbers(shapes.means), components: numbers(shapes.components) };
const found = await fit(trainer, content, made, () => true);
if (found === null) return null;
const { middle, spread, sums, features } = found.fitted;
const scores = asked.map((each) => found.scores(each.answers, features === null ? null : each.features, each.pixels));
const p = scores.map((each) => found.rank(each).pValue);
return { middle: [...middle], spread: [...spread], sums: [...sums], features, p };"""


@pytest.mark.parametrize(("kinds", "layer"), [(["linear", "batch_norm"], "first"), (["conv", "pool"], None)])
def test_the_fit_is_python_s_number_for_number(
    in_modules: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, kinds: list[str], layer: str | None
) -> None:
    generator = torch.Generator().manual_seed(2)
    shape, classes, width = (1, 40, 36), 3, 7
    parts = {}
    for name, count in (("train", 130), ("validation", 23), ("test", 4)):
        pixels = torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)
        parts[name] = Split(pixels, torch.arange(count) % classes)
    data = image_set("noise", classes=tuple("abc"), **parts, source="", split_note="")
    values = {
        len(part): (
            torch.randn(len(part), classes, generator=generator),
            torch.randn(len(part), width, generator=generator),
        )
        for part in parts.values()
    }
    monkeypatch.setattr(
        unlike,
        "answers_and_features",
        lambda _net, images, **_: (values[len(images)][0], values[len(images)][1] if layer else None),
    )
    net = nn.Identity()
    expected = unlike.fit(net, data)
    rows = {
        name: [
            {"answers": a.tolist(), "features": f.tolist()}
            | ({"pixels": i.flatten().tolist()} if name == "test" else {})
            for a, f, i in zip(*values[len(part)], part.images, strict=True)
        ]
        for name, part in parts.items()
    }
    pixels = torch.cat([parts["train"].images, parts["validation"].images]).flatten().tolist()
    planned = {
        "layers": [
            {"name": name, "shape": [classes], "operation": {"kind": kind}}
            for name, kind in zip(("first", "second"), kinds, strict=True)
        ]
    }
    record = {"shape": shape, "classes": list("abc"), "train": 130, "validation": 23}
    shapes = {
        "side": list(expected.side),
        "neighbour": 10,
        "means": expected.pixel_means.flatten().tolist(),
        "components": expected.pixel_components.flatten().tolist(),
        "count": expected.pixel_components.shape[1],
    }
    given = [planned, record, shapes, list(range(130)), pixels, rows["train"], rows["validation"], rows["test"]]
    found = in_modules(FIT, given)
    assert found["features"] == layer
    for name in ("middle", "spread", "sums"):
        np.testing.assert_allclose(found[name], getattr(expected, name), rtol=1e-5, atol=1e-6)
    p_values = expected.p_values(net, parts["test"].images, mean=data.mean, std=data.std)
    np.testing.assert_allclose(found["p"], p_values, atol=1e-9)
    rows["validation"][3]["answers"][0] = None  # no number in JSON
    given[6] = [
        row | {"answers": [1e39 if each is None else each for each in row["answers"]]} for row in rows["validation"]
    ]
    assert in_modules(FIT, given) is None, "infinite in single precision"


def test_the_page_s_shapes_are_those_that_python_fits() -> None:
    images = page_images(load("mnist-5k@1000"))
    numbers = playground.WholeNumbers()
    told = playground._unlike(images, numbers)
    whole = np.frombuffer(numbers.content(), "<i2")
    side, means, components = unlike.pixel_shapes(images.train)
    assert told["side"] == list(side) == [28, 28]
    for name, expected in (("means", means), ("components", components)):
        at, step = told[name]["from"], told[name]["step"]
        found = whole[at : at + expected.numel()].reshape(expected.shape) * step
        assert np.abs(found - expected.numpy()).max() <= step / 2 * 1.0001


def test_many_classes_share_their_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playground, "MOST_COMPONENTS", 100_000)
    told = playground._unlike(page_images(load("mnist-5k@1000")), playground.WholeNumbers())
    assert told["components"]["shape"] == [1, 20, 784]
