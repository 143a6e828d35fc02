"""What a reader does with a net that has learned: teaches it, sees what it forgot, doubts it, takes it along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from tests.axe import findings

from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.data.normalise import normalise
from cnnlab.nets import build_net
from cnnlab.playground.page import playground_page
from cnnlab.runs.saved import open_saved

pytestmark = pytest.mark.browser

DATA = "mnist-5k@300"


@pytest.fixture(scope="module")
def trained(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page whose MLP has learned for some epochs, and rests."""
    path = tmp_path_factory.mktemp("playground") / "page.html"
    path.write_text(playground_page(["mlp"], load(DATA)).html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1366, "height": 768}, accept_downloads=True)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector("#engine:not(:empty)")  # the page's script has run, and its workers listen
    page.evaluate("(async () => { for (let i = 0; i < 4; i++) await playground.learning.trainer.epoch(); })()")
    yield page
    page.close()
    assert errors == []


def opened(page: Any, panel: str) -> Any:
    page.evaluate("panel => (document.getElementById(panel).open = true)", panel)
    return page.locator(f"#{panel}")


def drawn(page: Any, *strokes: list[tuple[float, float]]) -> None:
    """Draw with the mouse; places are shares of the sheet."""
    page.evaluate("scrollTo(0, 0)")
    box = page.locator("#sheet").bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=5)
        page.mouse.up()


def answers(path: Path, split: str) -> torch.Tensor:
    """What PyTorch says with weights that the page saved."""
    data = load(DATA)
    net = build_net(NetSpec(name="mlp"), image_shape=(1, 28, 28), num_classes=10, seed=0)
    net.load_state_dict(safetensors.torch.load_file(path))
    with torch.no_grad():
        return net.eval()(normalise(data.split(split).images, data.mean, data.std)).argmax(dim=1)


def saved(page: Any, path: Path) -> Path:
    with page.expect_download() as download:
        opened(page, "saving").get_by_role("button", name="Download the weights").click()
    download.value.save_as(path)
    return path


def test_what_it_was_taught_and_forgot_is_what_pytorch_finds(trained: Any, tmp_path: Path) -> None:
    before = answers(saved(trained, tmp_path / "before.safetensors"), "validation")
    teaching = opened(trained, "teaching")
    trained.get_by_role("button", name="Clear").click()
    teaching.get_by_role("button", name="keep the drawing as 1").click()
    assert teaching.get_by_role("status").inner_text().startswith("The sheet is empty")
    for shift in (0, 0.04, 0.08):  # sevens, called ones
        drawn(trained, [(0.25 + shift, 0.25), (0.65 + shift, 0.25), (0.4 + shift, 0.8)])
        teaching.get_by_role("button", name="keep the drawing as 1").click()
    teaching.get_by_role("button", name="remove your 1").last.click()
    assert teaching.locator("figure").count() == 2
    teaching.get_by_role("button", name="Teach it these").click()
    says = teaching.get_by_role("status").filter(has_text="Your 2 images:")
    says.wait_for(timeout=30_000)
    assert "2 now." in says.inner_text()

    after = answers(saved(trained, tmp_path / "after.safetensors"), "validation")
    labels = load(DATA).validation.labels
    right = [int((each == labels).sum()) for each in (before, after)]
    lost = int(((before == labels) & (after != labels)).sum())
    won = int(((before != labels) & (after == labels)).sum())
    text = opened(trained, "forgotten").get_by_role("status").inner_text()
    assert f"{right[0]} were right" in text
    assert f"now {right[1]} are" in text
    assert text.endswith(f"{lost} lost, {won} won.")
    assert f"lost {lost} and won {won}" in says.inner_text()
    assert trained.locator("#forgotten figure").count() == min(lost, 40) + min(won, 16)
    rows = trained.locator("#forgotten tbody tr").all_inner_texts()
    assert [int(row.split()[3]) for row in rows] == [int(((after == labels) & (labels == k)).sum()) for k in range(10)]

    run = open_saved(tmp_path / "after.safetensors")
    assert run.result().validation.accuracy == right[1] / 500
    assert "on 2 images of its reader's, too" in run.config.data.notes[-1]
    assert len(run.epochs()) == run.config.training.epochs == 7
    assert "Here it learned 2 images of yours as well" in trained.inner_text("#saving")


def test_none_of_these_is_told_until_training_goes_on(trained: Any) -> None:
    panel = opened(trained, "none")
    says = panel.locator("p[role=status]")
    says.filter(has_text="ranked among 400 validation images").wait_for(timeout=20_000)
    trained.evaluate("playground.net.pixels.fill(255), playground.state.set({ image: null })")
    assert trained.inner_text("#none-says") == "None of these", "a sheet full of ink"
    panel.get_by_role("button", name="Try it").click()
    panel.get_by_text("turned by 90°").wait_for(timeout=20_000)
    row = panel.get_by_role("row", name="light and dark swapped").locator("td").first
    assert row.inner_text() == "40 of 40"
    turned = panel.get_by_role("row", name="turned by 90°").locator("td").first
    few = int(turned.inner_text().split()[0])
    panel.get_by_role("combobox").select_option("0.1")
    assert panel.locator("table.by-class").count() == 0, "it was tried at another rate"
    panel.get_by_role("button", name="Try it").click()
    turned.wait_for(timeout=20_000)
    assert int(turned.inner_text().split()[0]) > few
    trained.evaluate("playground.learning.trainer.step()")
    says.filter(has_text="is measured when training is paused").wait_for(timeout=5_000)
    assert trained.is_hidden("#none-says")
    says.filter(has_text="ranked among 400 validation images").wait_for(timeout=20_000)


def test_the_record_holds_what_was_tried(trained: Any, tmp_path: Path) -> None:
    panel = opened(trained, "recording")
    panel.get_by_role("button", name="Open the test images").click()
    panel.get_by_text("Opened once").wait_for(timeout=5_000)
    test = answers(saved(trained, tmp_path / "mlp.safetensors"), "test")
    accuracy = float((test == load(DATA).test.labels).double().mean())
    panel.get_by_label("what you found in homework 1").fill("More filters, more right.")
    panel.get_by_label("Your name").fill("Ada L.")
    with trained.expect_download() as download:
        panel.get_by_role("button", name="Download the record").click()
    assert download.value.suggested_filename == "playground-ada-l.json"
    record = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert (record["name"], record["data"]["name"], record["test_openings"]) == ("Ada L.", DATA, 1)
    assert record["homework"][0]["words"] == "More filters, more right."
    (run,) = record["runs"]
    assert run["test_openings"][0]["accuracy"] == pytest.approx(accuracy)
    assert len(run["epochs"]) == int(run["passes"])
    assert run["command"]["command"].startswith(f"cnnlab train mlp --data {DATA} --epochs ")


def test_what_has_come_up_in_the_panels_is_accessible(trained: Any) -> None:
    assert findings(trained) == []
