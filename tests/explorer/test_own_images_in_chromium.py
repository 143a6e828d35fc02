"""Images of the reader's own: dragged, opened, dropped, pasted; and nets that see colours."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.explorer.test_explorer_in_chromium import by_hooks, opened, page_values
from tests.new_runs import make_run

from cnnlab.data.imageset import Split, image_set
from cnnlab.data.normalise import normalise
from cnnlab.explorer import ExploredRun, explorer_page
from cnnlab.prepare import prepare, read_image
from cnnlab.runs import execute

pytestmark = pytest.mark.browser


def pixels_of(page: Any) -> np.ndarray:
    return np.array(page.evaluate("[...explorer.net.pixels]")).reshape(28, 28)


def drag(page: Any, tool: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From pixel to pixel (column, row) of the image, over a few places between."""
    page.click(f"#{tool}")
    frame = page.locator("#sheet").bounding_box()
    side = frame["width"] / 28
    page.mouse.move(frame["x"] + start[0] * side, frame["y"] + start[1] * side)
    page.mouse.down()
    page.mouse.move(frame["x"] + end[0] * side, frame["y"] + end[1] * side, steps=8)
    page.mouse.up()


def test_dragging_moves_the_image_and_traces_the_answer(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("lenet5").page, "image=3") as page:
        before = pixels_of(page)
        assert not page.locator("#trail").is_visible()
        drag(page, "move", (10, 12), (14, 9))
        expected = np.zeros_like(before)
        expected[:-3, 4:] = before[3:, :-4]
        assert np.array_equal(pixels_of(page), expected), "4 to the right, 3 up; black comes in"
        assert page.locator("#trail path").count() >= 1
        now = page.evaluate("[...explorer.net.probabilities]")
        best = int(np.argmax(now))
        label = page.evaluate("document.querySelector('#trail svg').getAttribute('aria-label')")
        assert f"class {best} " in label
        drag(page, "move", (14, 9), (10, 12))  # the tool is off again after its second click
        assert page.evaluate("document.getElementById('move').ariaPressed") == "false"


def test_dragging_about_the_centre_turns_the_image(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("lenet5").page, "image=3") as page:
        before = pixels_of(page)
        drag(page, "turn", (26, 14), (14, 26))
        assert np.abs(pixels_of(page) - np.rot90(before, k=-1)).max() <= 6, "a quarter of a turn, clockwise"


@pytest.mark.parametrize("way", ["opened", "dropped", "pasted"])
def test_a_picture_of_the_sheet_s_size_is_taken_as_it_is(
    browser: Any, explored: Callable[..., Any], tmp_path: Path, way: str
) -> None:
    made = explored("lenet5")
    image = made.data.test.images[11, 0].numpy()
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    with opened(browser, made.page) as page:
        if way == "opened":
            (tmp_path / "digit.png").write_bytes(file.getvalue())
            page.set_input_files("#file", tmp_path / "digit.png")
        else:
            page.evaluate(
                """([text, way]) => {
                  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
                  const data = new DataTransfer();
                  data.items.add(new File([bytes], 'digit.png', { type: 'image/png' }));
                  const event = way === 'dropped'
                    ? new DragEvent('drop', { dataTransfer: data, cancelable: true, bubbles: true })
                    : new ClipboardEvent('paste', { clipboardData: data, bubbles: true });
                  document.body.dispatchEvent(event);
                }""",
                [base64.b64encode(file.getvalue()).decode(), way],
            )
        page.locator("#image-name", has_text="your own image").wait_for()
        assert np.array_equal(pixels_of(page), image)
        with torch.no_grad():
            answer = made.net(normalise(torch.tensor(image)[None, None], made.data.mean, made.data.std))
        assert page.evaluate("explorer.net.prediction") == int(answer.argmax())


def photographed(digit: np.ndarray) -> Image.Image:
    """Gray ink on a sheet in uneven light, off its centre."""
    ink = np.kron(digit, np.ones((8, 8)))
    paper = np.full((400, 300), 225.0) - np.arange(300) / 5
    paper[60 : 60 + 224, 40 : 40 + 224] -= 0.6 * ink
    return Image.fromarray(paper.astype(np.uint8))


def see_through(digit: np.ndarray) -> Image.Image:
    """Black ink on nothing."""
    rgba = np.zeros((28, 28, 4), dtype=np.uint8)
    rgba[..., 3] = digit
    return Image.fromarray(rgba).resize((200, 200), Image.Resampling.BICUBIC)


def small_and_dark(digit: np.ndarray) -> Image.Image:
    """Of the sheet's size, but black on white."""
    return Image.fromarray(255 - digit)


def lying(digit: np.ndarray) -> Image.Image:
    """On its side, which its EXIF orientation says."""
    image = photographed(digit).rotate(90, expand=True)
    image.getexif()[0x0112] = 6
    return image


@pytest.mark.parametrize("made_of", [photographed, see_through, small_and_dark, lying])
def test_an_opened_picture_becomes_what_predict_makes_of_it(
    browser: Any, explored: Callable[..., Any], tmp_path: Path, made_of: Callable[..., Image.Image]
) -> None:
    made = explored("simple-cnn")
    picture = made_of(made.data.test.images[0, 0].numpy())
    picture.save(tmp_path / "own.png", exif=picture.getexif())
    expected = prepare(read_image(tmp_path / "own.png"), preparation="digit", shape=(1, 28, 28))
    with torch.no_grad():
        answer = made.net(normalise(torch.from_numpy(expected)[None], made.data.mean, made.data.std)).argmax()
    with opened(browser, made.page) as page:
        page.set_input_files("#file", tmp_path / "own.png")
        page.locator("#image-name", has_text="your own image").wait_for()
        assert np.abs(pixels_of(page) - expected[0]).max() <= 2
        assert page.evaluate("explorer.net.prediction") == int(answer)


def test_where_no_ink_is_found_the_page_says_it_and_the_sheet_stays(
    browser: Any, explored: Callable[..., Any], tmp_path: Path
) -> None:
    Image.new("RGB", (300, 200), "white").save(tmp_path / "blank.png")
    with opened(browser, explored("lenet5").page, "image=1") as page:
        before = pixels_of(page)
        page.set_input_files("#file", tmp_path / "blank.png")
        page.locator("#image-name", has_text="no ink found in the image; expected one character").wait_for()
        assert np.array_equal(pixels_of(page), before)


def test_what_is_no_picture_is_said(browser: Any, explored: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    with opened(browser, explored("lenet5").page, "image=1") as page:
        before = pixels_of(page)
        page.set_input_files("#file", tmp_path / "notes.png")
        page.locator("#image-name", has_text="notes.png is not a picture that this browser can read").wait_for()
        assert np.array_equal(pixels_of(page), before)


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A net for red, green and blue images of 12×16, and its explorer."""
    generator = torch.Generator().manual_seed(2)

    def split(count: int) -> Split:
        labels = torch.arange(count) % 3
        images = torch.randint(0, 90, (count, 3, 12, 16), generator=generator, dtype=torch.uint8)
        images[torch.arange(count), labels] += 120
        return Split(images, labels)

    data = image_set(
        "npz:colours.npz",
        classes=("red", "green", "blue"),
        train=split(120),
        validation=split(30),
        test=split(30),
        source="made here",
        split_note="as made",
    )
    folder = tmp_path_factory.mktemp("coloured")
    run, net = make_run(folder / "run", data, net="conv-net", net_options={"widths": (4, 8)}, epochs=2)
    execute(run, net, data, keeps_checkpoints=True)
    net = run.load_net()
    run.explorer_path.write_text(explorer_page([ExploredRun(run, net)], data).html)
    return data, run, net


def test_a_net_of_colours_is_pytorch_s_and_shows_them(browser: Any, coloured: Any, tmp_path: Path) -> None:
    data, run, net = coloured
    image = data.test.images[4]
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / "own.png")
    with opened(browser, run.explorer_path) as page:
        expected = by_hooks(net, normalise(image[None], data.mean, data.std))
        found = page_values(page, image)
        for layer in (layer for layer in expected if layer in found):
            largest = np.abs(expected[layer]).max() or 1
            assert np.abs(found[layer] - expected[layer]).max() / largest < 1e-4, layer
        page.set_input_files("#file", tmp_path / "own.png")
        page.locator("#image-name", has_text="your own image").wait_for()
        assert page.evaluate("[...explorer.net.pixels]") == image.flatten().tolist()
        shown = page.evaluate("[...document.getElementById('sheet').getContext('2d').getImageData(0, 0, 16, 12).data]")
        assert np.array_equal(np.array(shown).reshape(12, 16, 4)[..., :3], image.permute(1, 2, 0).numpy())
        page.click('[data-block="Conv 1"] .maps', position={"x": 8, "y": 8})
        page.locator("#unit .products").nth(2).wait_for()  # a grid of products for each colour
        page.locator("#forming > summary").click()
        page.locator("#forming .film-row").first.wait_for()
        assert "of the first colour channel" in page.inner_text("#forming")


def test_both_of_two_nets_can_be_thinned_and_normed(browser: Any, explored: Callable[..., Any], tmp_path: Path) -> None:
    for names, panel, marks, count in (
        (("simple-cnn", "mlp"), "dropping", ".dot", 2 * 5 * 200),
        (("simple-cnn", "branching"), "norming", ".count", 2 * 3 * 40),
    ):
        made = [explored(name) for name in names]
        path = tmp_path / f"{panel}.html"
        path.write_text(explorer_page([ExploredRun(each.run, each.net) for each in made], made[0].data).html)
        with opened(browser, path, "image=0") as page:
            before = page.evaluate("explorer.nets.map(net => [...net.output.values])")
            page.locator(f"#{panel} > summary").click()
            page.locator(f"#{panel} {marks}").nth(count - 1).wait_for(state="attached")
            assert page.locator(f"#{panel} {marks}").count() == count
            assert page.locator(f"#{panel} h3").count() == 2
            if panel == "dropping":
                page.locator("#dropping input[type=range]").first.fill("0.8")
                assert page.locator("#dropping output").all_inner_texts() == ["80.0 %", "80.0 %"], "in step"
            assert page.evaluate("explorer.nets.map(net => [...net.output.values])") == before
