"""The record for the teacher holds what the panel says: weights that cnnlab reads, drawings pixel for pixel, words."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from tests.axe import findings

from cnnlab.classroom.hand_in import HandIn, read_hand_in
from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.data.normalise import normalise
from cnnlab.nets import build_net
from cnnlab.playground.page import playground_page
from cnnlab.runs.saved import open_saved

pytestmark = pytest.mark.browser

DATA = "mnist-5k@300"
EPOCHS = "async count => { for (let i = 0; i < count; i++) await playground.learning.trainer.epoch(); }"
NETS = {
    "mlp": NetSpec(name="mlp"),
    "lenet5": NetSpec(name="lenet5"),
}


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("playground") / "page.html"
    path.write_text(playground_page(["lenet5", "mlp"], load(DATA)).html, encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Any, html: Path) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1366, "height": 768}, accept_downloads=True)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(html.as_uri())
    page.wait_for_selector("#engine:not(:empty)")
    page.evaluate("document.getElementById('recording').open = true")
    yield page
    page.close()
    assert errors == []


def says(page: Any) -> str:
    page.wait_for_function("document.querySelector('#recording .contains').textContent !== ''")
    return page.inner_text("#recording .contains")


def downloaded(page: Any) -> tuple[dict[str, Any], HandIn]:
    """The record, as JSON and as `cnnlab class collect` reads it."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the record").click()
    content = download.value.path().read_bytes()
    return json.loads(content), read_hand_in(content, None)


def counted(record: dict[str, Any]) -> str:
    """What the panel is to say of a record, by what it holds."""
    files = [base64.b64decode(net["base64"]) for net in record["nets"]]
    size = f" ({sum(map(len, files)) / 1e6:.1f} MB)" if files else ""
    words = sum(bool(each["words"]) for each in record["homework"])
    runs, nets, drawn = len(record["runs"]), len(files), len(record["drawn"])

    def some(count: int, noun: str) -> str:
        return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"

    return (
        f"It contains {some(runs, 'run')}, {some(nets, 'net')}{size}, {some(drawn, 'drawing')} and "
        f"{some(words, 'answer')} in your words."
    )


def accuracy(net: str, file: Path) -> float:
    """What PyTorch measures of a net on the validation images."""
    data = load(DATA)
    module = build_net(NETS[net], image_shape=(1, 28, 28), num_classes=10, seed=0)
    module.load_state_dict(safetensors.torch.load_file(file))
    with torch.no_grad():
        answers = module.eval()(normalise(data.validation.images, data.mean, data.std)).argmax(dim=1)
    return float((answers == data.validation.labels).double().mean())


def draw(page: Any, x: float) -> None:
    """A stroke from top to bottom; x: share of the sheet's width."""
    page.evaluate("scrollTo(0, 0)")
    box = page.locator("#sheet").bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + (x + 0.1) * box["width"], box["y"] + 0.8 * box["height"], steps=6)
    page.mouse.up()


def test_before_any_training_there_is_a_record(page: Any) -> None:
    assert says(page) == (
        "It contains no runs, no nets, no drawings and no answers in your words. It does not say yet who you are."
    )
    fields = "[...document.querySelectorAll('#recording input, #recording textarea')]"
    assert page.evaluate(f"{fields}.map(({{ maxLength }}) => maxLength)") == [20_000] * 4 + [200] * 2, (
        "what a class reads"
    )
    page.evaluate(f"{fields}.slice(3).forEach((field) => (field.value = ' half a letter: \\ud83d'))")
    record, hand_in = downloaded(page)
    assert hand_in.student_name == record["homework"][3]["words"] == "half a letter: \ufffd"
    page.evaluate(f"{fields}.forEach((field) => (field.value = ''))")
    record, hand_in = downloaded(page)
    assert (record["kind"], record["format"], record["id"]) == ("cnnlab playground record", 2, "")
    assert (record["runs"], record["nets"], record["drawn"]) == ([], [], [])
    assert (hand_in.form, hand_in.student_id) == ("playground record", "")


def test_nets_survive_a_reset_and_cnnlab_finds_the_figures_that_the_page_showed(page: Any, tmp_path: Path) -> None:
    page.evaluate(EPOCHS, 3)
    page.evaluate("playground.change({ net: 'mlp' })")
    page.click("#reset")
    page.evaluate(EPOCHS, 2)
    page.evaluate("playground.learning.trainer.step(1)")  # into the third epoch
    page.wait_for_function("playground.learning.trainer.steps % playground.learning.trainer.perEpoch === 1")
    page.evaluate("document.getElementById('saving').open = true")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the weights").click()
    page.get_by_label("Your name").fill("Ada L.")
    page.get_by_label("Your student ID").fill(" s123 ")
    rows = [row.split("\t") for row in page.locator("#recording tbody tr").all_inner_texts()]
    assert [(row[0], row[-1]) for row in rows] == [("lenet5", "after epoch 3"), ("mlp", "as they are now")]

    record, hand_in = downloaded(page)
    assert says(page) == counted(record)
    assert re.search(r"2 runs, 2 nets \(\d\.\d MB\)", says(page))
    assert (hand_in.student_id, hand_in.student_name) == ("s123", "Ada L.")
    now, before = record["nets"]
    assert (now["file"], now["run"], now["epoch"]) == ("mlp.safetensors", 1, None)
    assert (before["file"], before["run"], before["epoch"]) == ("lenet5-run-1.safetensors", 0, 3)
    assert base64.b64decode(now["base64"]) == download.value.path().read_bytes()

    (kept,) = hand_in.playground
    for net in kept.nets:
        (tmp_path / net.name).write_bytes(net.content)
    run = open_saved(tmp_path / before["file"])
    shown = record["runs"][0]["epochs"]
    assert [epoch.validation_accuracy for epoch in run.epochs()] == [each["validation_accuracy"] for each in shown]
    assert run.result().validation.accuracy == pytest.approx(shown[-1]["validation_accuracy"], abs=1e-9)
    assert run.result().validation.accuracy == pytest.approx(accuracy("lenet5", tmp_path / before["file"]))
    assert rows[0][3] == f"{100 * shown[-1]['validation_accuracy']:.1f} %"
    assert run.config.training.epochs == 3
    other = open_saved(tmp_path / now["file"])
    assert other.config.net.name == "mlp"
    assert other.result().validation.accuracy == pytest.approx(accuracy("mlp", tmp_path / now["file"]))


def test_drawings_come_back_pixel_for_pixel_taught_or_not(page: Any) -> None:
    page.evaluate("document.getElementById('teaching').open = true")
    page.click("#clear")
    seen = []
    for x, name in ((0.3, "1"), (0.5, "7")):
        draw(page, x)
        seen.append((name, bytes(page.evaluate("[...playground.net.pixels]"))))
        page.get_by_role("button", name=f"keep the drawing as {name}").click()
    page.get_by_label("what you found in homework 3").fill("Edges first.")
    assert "no nets, 2 drawings and 1 answer in your words" in says(page)
    page.evaluate("document.querySelectorAll('#teaching select')[1].value = '1'")
    page.get_by_role("button", name="Teach it these").click()
    page.get_by_text("Your 2 images:").wait_for(timeout=30_000)
    draw(page, 0.6)
    seen.append(("0", bytes(page.evaluate("[...playground.net.pixels]"))))
    page.get_by_role("button", name="keep the drawing as 0").click()

    record, hand_in = downloaded(page)
    drawings = hand_in.playground[0].drawings
    assert [(each.label, each.pixels) for each in drawings] == seen
    assert all(sum(pixels) for _, pixels in seen)
    assert {(each.height, each.width) for each in drawings} == {(28, 28)}
    assert hand_in.playground[0].words == {3: "Edges first."}
    assert says(page).startswith(counted(record))
    assert findings(page) == []


def test_of_many_runs_the_best_nets_are_taken_and_no_more_than_there_is_room_for(page: Any) -> None:
    rates = (0.001, 0.003, 0.00001, 0.0003, 0.00003)
    for rate in rates:
        page.evaluate("rate => playground.change({ net: 'mlp', learningRate: rate, optimizer: 'adam' })", rate)
        page.click("#reset")
        page.evaluate(EPOCHS, 1)
    record, hand_in = downloaded(page)
    assert says(page).startswith(counted(record))
    reached = [run["epochs"][-1]["validation_accuracy"] for run in record["runs"]]
    best = sorted(range(4), key=lambda i: -reached[i])[:3]
    assert [(net["run"], net["epoch"]) for net in record["nets"]] == [(4, None), *((i, 1) for i in best)]
    assert len({net.content for net in hand_in.playground[0].nets}) == 4
    page.click("#reset")  # now nothing is at work, and there is room for one more of the others
    again, _ = downloaded(page)
    assert says(page).startswith(counted(again))
    best = sorted(range(5), key=lambda i: -reached[i])[:4]
    assert [net["run"] for net in again["nets"]] == best


ROOM = """const { RecordNets, MOST_BYTES } = await module("record_nets.js");
const sizeOf = ({ net }) => Number(net.slice(3));
const begun = { steps: 1, changes: [], taught: [], test_openings: [] };
const runs = given.sizes.map((size, i) => {
  return { ...begun, net: `of-${size}`, epochs: [{ epoch: 1, validation_accuracy: given.accuracies[i] }] };
});
const [settings, now] = [{ optimizer: "adam" }, runs[runs.length - 1]];
const weights = (run) => ({ numbers: new Float32Array(sizeOf(run)), step: 1, passes: 1, settings, taught: [] });
const logbook = {
  runs, weights, of: () => now,
  planned(run) {
    const tensors = [{ name: "a", at: 0, shape: [sizeOf(run)] }];
    return { net: run.net, layers: [], options: {}, counters: [], tensors };
  },
};
const { numbers } = weights(now);
const learning = {
  content: { record: { version: "1", data: { record: {} } } }, settings, numbers,
  trainer: { steps: 1, epochs: 1, snapshot: async () => ({ step: 1, numbers }) },
};
const nets = new RecordNets(learning, logbook);
const { taken, tooLarge } = nets.chosen();
return {
  taken: taken.map(({ run }) => runs.indexOf(run)), bytes: taken.map(({ bytes }) => bytes),
  tooLarge: tooLarge.map((run) => runs.indexOf(run)), most: MOST_BYTES,
  lengths: (await nets.written()).map(({ base64 }) => atob(base64).length),
};"""


@pytest.mark.parametrize(
    ("sizes", "accuracies", "taken", "too_large"),
    [
        ([1_000_000, 1_000_000, 900_000], [0.8, 0.9, 0.5], [2, 1, 0], []),
        ([1_000_000, 1_500_000, 1_000_000], [0.8, 0.9, 0.5], [2, 1], [0]),
        ([100_000, 3_100_000], [0.8, 0.9], [0], [1]),
        ([1000, 2000, 3000, 4000, 5000, 6000], [0.5, 0.7, 0.5, 0.6, 0.4, 0.1], [5, 1, 3, 2], []),
    ],
)
def test_what_finds_no_room_is_left_out_and_named(
    in_modules: Callable[..., Any], sizes: list[int], accuracies: list[float], taken: list[int], too_large: list[int]
) -> None:
    found = in_modules(ROOM, {"sizes": sizes, "accuracies": accuracies})
    assert (found["taken"], found["tooLarge"]) == (taken, too_large)
    assert found["bytes"] == found["lengths"], "what is said is how long the files are"
    assert sum(found["bytes"]) <= found["most"] == 12_000_000
