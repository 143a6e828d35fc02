from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from cnnlab.formulas import conv2d
from cnnlab.report.lesson.sliding_filter import sliding_filter

SVG = "{http://www.w3.org/2000/svg}"
SOBEL = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
#: name → image, kernel, stride, padding
CASES = {
    "lesson": (np.random.default_rng(0).random((28, 28)), SOBEL, 1, 0),
    "padded": (np.random.default_rng(1).normal(size=(12, 9)), np.random.default_rng(2).normal(size=(5, 5)), 2, 2),
    "whole": (np.arange(30.0).reshape(5, 6), np.array([[1.0, -3], [0, 1]]), 1, 0),
    "nothing": (np.zeros((4, 4)), np.ones((2, 2)), 1, 0),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, int, int]:
    return CASES[request.param]


def feature_map(image: np.ndarray, kernel: np.ndarray, stride: int, padding: int) -> np.ndarray:
    return conv2d(image[None, None], kernel[None, None], stride=stride, padding=padding)[0, 0]


def drawn(image: np.ndarray, kernel: np.ndarray, stride: int, padding: int) -> ET.Element:
    return ET.fromstring(sliding_filter(image, kernel, stride=stride, padding=padding))


def of_class(root: ET.Element, css: str) -> list[ET.Element]:
    return [element for element in root.iter() if css in element.get("class", "").split()]


def texts(element: ET.Element) -> list[str]:
    return ["".join(text.itertext()).replace("−", "-") for text in element.iter(f"{SVG}text")]


def stated(root: ET.Element) -> tuple[int, int, float]:
    """Row, column and value that the drawing states."""
    (line,) = [text for text in texts(root) if "add up to" in text]
    found = re.search(r"add up to (-?[\d.]+): the map’s value at row (\d+), column (\d+)", line)
    assert found is not None
    return int(found[2]), int(found[3]), float(found[1])


def test_the_stated_sum_is_the_formulas_value(case: tuple[np.ndarray, np.ndarray, int, int]) -> None:
    Y = feature_map(*case)
    row, column, value = stated(drawn(*case))
    assert value == pytest.approx(Y[row, column], abs=0.0051)
    assert abs(Y[row, column]) == np.abs(Y).max()


def test_the_products_are_those_of_window_and_kernel(case: tuple[np.ndarray, np.ndarray, int, int]) -> None:
    image, kernel, stride, padding = case
    root = drawn(*case)
    row, column, value = stated(root)
    K = len(kernel)
    window = np.pad(image, padding)[row * stride : row * stride + K, column * stride : column * stride + K]
    cells = [texts(cell) for cell in of_class(root, "product")]
    pixels, weights = np.array([re.findall(r"-?\d+(?:\.\d+)?", factors) for factors, _ in cells], dtype=float).T
    products = np.array([product for _, product in cells], dtype=float)
    np.testing.assert_allclose(pixels, window.ravel(), atol=0.0051)
    np.testing.assert_allclose(weights, kernel.ravel(), atol=0.0051)
    np.testing.assert_allclose(products, (window * kernel).ravel(), atol=0.0051)
    assert products.sum() == pytest.approx(value, abs=0.0051 * K * K)


def test_numbers_that_are_whole_are_written_whole() -> None:
    root = drawn(*CASES["whole"])
    assert stated(root)[2] == feature_map(*CASES["whole"])[stated(root)[:2]]
    assert not any("rounded" in text for text in texts(root))
    assert any("rounded" in text for text in texts(drawn(*CASES["lesson"])))


def test_the_pictures_are_image_and_map(case: tuple[np.ndarray, np.ndarray, int, int]) -> None:
    image, Y = case[0], feature_map(*case)
    root = drawn(*case)
    pictures = [
        np.array(Image.open(io.BytesIO(base64.b64decode(picture.get("href", "").partition(",")[2]))))
        for picture in root.iter(f"{SVG}image")
    ]
    assert pictures[0].shape == image.shape
    assert pictures[1].shape == (*Y.shape, 4)
    if image.std() > 0:
        assert np.corrcoef(pictures[0].ravel(), image.ravel())[0, 1] > 0.999
    is_strong = np.abs(Y) > 0.01 * np.abs(Y).max()
    is_orange = pictures[1][..., 0] > pictures[1][..., 2]
    assert np.array_equal(is_orange[is_strong], Y[is_strong] > 0)
    assert len(of_class(root, "weight")) == case[1].size


def test_the_lessons_sizes_and_the_scales_scope() -> None:
    root = drawn(*CASES["lesson"])
    Y = feature_map(*CASES["lesson"])
    words = texts(root)
    assert {"image 28×28", "kernel 3×3", "feature map 26×26"} <= set(words)
    most = f"{np.abs(Y).max():.2f}"
    assert {f"-{most}", f"+{most}"} <= set(words)
    assert [texts(weight)[0] for weight in of_class(root, "weight")] == ["-1", "0", "1", "-2", "0", "2", "-1", "0", "1"]


def test_the_frames_are_at_the_stated_position() -> None:
    """In the image around the window, in the map around the cell: the outline lies 1.5 units outside."""
    image, kernel, stride, padding = CASES["padded"]
    root = drawn(image, kernel, stride, padding)
    row, column, _ = stated(root)
    cell = 196 / (12 + 2 * padding)
    window, value = (of_class(frame, "over")[0] for frame in of_class(root, "stated")[:2])
    for frame, step, side in ((window, stride * cell, len(kernel) * cell), (value, cell, cell)):
        place = [float(frame.get(name, "")) for name in ("x", "y", "width")]
        assert place == pytest.approx([column * step - 1.5, row * step - 1.5, side + 3], abs=0.01)


def test_the_window_takes_every_place_and_rests_for_who_wants_that() -> None:
    image, kernel, stride, padding = CASES["padded"]
    (style,) = drawn(image, kernel, stride, padding).iter(f"{SVG}style")
    css = style.text or ""
    rows, columns = feature_map(image, kernel, stride, padding).shape
    cell = 196 / (12 + 2 * padding)
    runs = [float(run) for run in re.findall(r"translateX\(([\d.]+)px\)", css)]
    assert runs == pytest.approx([columns * cell, columns * cell * stride], abs=0.01)
    assert css.count(f"steps({columns})") >= 2
    assert css.count(f"timing-function: steps({rows})") == 2
    before, after = css[: css.index(" animation: ")], css[css.index(" animation: ") :]
    assert before[before.rindex("@media") :].startswith("@media screen and (prefers-reduced-motion: no-preference)")
    assert "@media" not in after
    assert re.search(r"\.moving[^{]*\{ display: none; \}", css[: css.index("no-preference")])


def test_two_drawings_do_not_share_movements() -> None:
    names = [
        set(re.findall(r"@keyframes (\S+)", sliding_filter(image, kernel))) for image, kernel, *_ in CASES.values()
    ]
    assert all(len(each) == 4 for each in names)
    assert not names[0] & names[2]


def test_it_can_lie_in_any_page() -> None:
    image, kernel, stride, padding = CASES["lesson"]
    drawing = sliding_filter(image, kernel)
    root = ET.fromstring(drawing)
    assert drawing == sliding_filter(image.copy(), kernel.copy(), stride=stride, padding=padding)
    assert len(drawing) < 100_000
    assert root.get("role") == "img"
    assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
    assert re.findall(r"https?://[^\"]*", drawing) == ["http://www.w3.org/2000/svg"]
    assert "<script" not in drawing
    assert not any(element.get("id") for element in root.iter())


def test_a_kernel_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        sliding_filter(np.zeros((2, 2)), np.ones((3, 3)))
