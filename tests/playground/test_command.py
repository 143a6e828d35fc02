"""`cnnlab playground`: the page, what is said of it, and one line where there can be none."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab.data import load
from cnnlab.one_script import policy_hash
from cnnlab.playground import page as playground


def blocks(html: str) -> dict[str, str]:
    return dict(re.findall(r'<script type="[^"]+" id="(\w+)">(.*?)</script>', html, re.DOTALL))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    from click.testing import CliRunner

    from cnnlab.cli import cnnlab

    path = tmp_path_factory.mktemp("playground") / "page.html"
    words = ["playground", "mlp", "--data", "mnist-5k@100", "--out", str(path), "--json"]
    outcome = CliRunner().invoke(cnnlab, words, catch_exceptions=False)
    return path, json.loads(outcome.stdout)


def test_json_says_what_is_in_the_page(page):
    path, said = page
    assert said == {
        "page": str(path),
        "bytes": path.stat().st_size,
        "nets": ["mlp"],
        "images": {"train": 100, "validation": 500, "test": 500},
        "note": None,
    }


def test_the_policy_lets_its_own_script_and_style_run_and_nothing_else(page):
    html = page[0].read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    style, script = (
        re.search(r"<style>(.*?)</style>", html, re.DOTALL),
        re.search(r'<script type="module">(.*?)</script>', html, re.DOTALL),
    )
    assert style is not None
    assert script is not None
    assert policy[1] == (
        f"default-src 'none'; script-src '{policy_hash(script[1])}' 'wasm-unsafe-eval'; worker-src blob:; "
        f"style-src '{policy_hash(style[1])}'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def test_the_page_holds_the_images_the_labels_and_the_kernels(page):
    found, data = blocks(page[0].read_text()), load("mnist-5k@100")
    unpacked = {
        name: zlib.decompress(base64.b64decode(found[name])) for name in ("images", "labels", "order", "weights")
    }
    images = np.frombuffer(unpacked["images"], np.uint8).reshape(1100, 1, 28, 28)
    assert np.array_equal(images[:100], data.train.images.numpy())
    assert list(unpacked["labels"][600:]) == data.test.labels.tolist()
    assert np.frombuffer(unpacked["order"], "<u4").tolist() == list(range(100))
    assert unpacked["weights"] == b""
    kernels = json.loads(found["kernels"])
    assert [each["kind"] for each in kernels] == ["simd+fma", "simd"]
    assert all(base64.b64decode(each["wasm"]).startswith(b"\0asm") for each in kernels)
    assert found["worker"].startswith("(async () => {")
    record = json.loads(found["record"])
    assert record["settings"]["net"] == "mlp"
    assert record["settings"]["images"] == record["data"]["train"] == 100
    assert [step["step"] for step in record["nets"][0]["proof"]["steps"]] == [1, 10, 100]
    assert record["data"]["record"]["sha256"] == data.sha256
    assert record["data"]["record"]["source"] == "embedded: …/data/mnist_5k.csv.gz"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["lenet6"], "did you mean lenet5"),
        (["lenet5-1998"], "expected one of lenet5, simple-cnn, mlp, conv-net"),
        (["mine.py:Net"], "a net of your own"),
        (["mlp", "--images", "5000"], "has 4,000 training images; expected 1 to that many"),
        (["mlp", "--images", 0], "0 is not in the range"),
        (["mlp", "--images", 10**9], "has 4,000 training images; expected 1 to that many"),
        (["mlp", "--data", "mnist-6k"], "unknown data set"),
        (["mlp", "--data", ""], "got an empty word"),
        (["mlp", "--data", f"folder:{'x' * 5000}"], "cannot be read"),
        (["mlp", "mlp"], "named twice"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(cnnlab, tmp_path, words, says):
    outcome = cnnlab("playground", *words, "--out", tmp_path / "page.html", "--no-open")
    assert outcome.code == 2
    assert says in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "page.html").exists()


def test_a_set_of_one_class_is_refused(cnnlab, tmp_path):
    (tmp_path / "only").mkdir()
    for i in range(5):
        Image.new("L", (28, 28), i).save(tmp_path / "only" / f"{i}.png")
    outcome = cnnlab("playground", "mlp", "--data", f"folder:{tmp_path}", "--out", tmp_path / "page.html")
    assert outcome.code == 2
    assert "holds one class only" in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("place", "says"), [("file/page.html", "cannot write"), ("", "got an empty path"), (".", "is a dir")]
)
def test_a_place_that_cannot_be_written_to_is_said_too(cnnlab, tmp_path, monkeypatch, place, says):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    monkeypatch.setattr(playground, "proof", lambda *_: None)
    outcome = cnnlab("playground", "mlp", "--data", "mnist-5k@100", "--out", place, "--no-open")
    assert outcome.code == 2
    assert says in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_images_left_out_are_said_on_the_page_and_by_the_command(cnnlab, tmp_path):
    path = tmp_path / "page.html"
    outcome = cnnlab("playground", "mlp", "--images", 120, "--out", path, "--no-open")
    assert outcome.code == 0, outcome.err
    note = "120 of 4,000 training, all 500 validation and all 500 test images are in the page"
    assert note in outcome.err
    data = json.loads(blocks(path.read_text())["record"])["data"]
    assert data["note"].startswith(note)
    assert data["name"] == "mnist-5k@120"
    assert data["of"] == {"train": 4000, "validation": 500, "test": 500}


@pytest.mark.slow
def test_explore_leaves_a_page_to_train_on_and_each_leads_to_the_other(cnnlab, tmp_path):
    run = tmp_path / "run"
    assert cnnlab("train", "mlp", "--hidden", 8, "--data", "mnist-5k@200", "--epochs", 1, "--out", run).code == 0
    outcome = cnnlab("explore", run, "--json")
    assert outcome.json["playground"] == str(run / "playground.html")
    assert '"playground":"playground.html"' in (run / "explorer.html").read_text()
    found = blocks((run / "playground.html").read_text())
    record = json.loads(found["record"])
    assert record["explorer"] == "explorer.html"
    assert record["nets"][0]["run"]["name"] == "run"
    weights = np.frombuffer(zlib.decompress(base64.b64decode(found["weights"])), "<f4")
    from cnnlab.runs import open_run

    state = open_run(run).load_net().state_dict()
    for tensor in record["nets"][0]["tensors"]:
        expected = state[tensor["name"]].numpy().ravel()
        assert np.array_equal(weights[tensor["at"] : tensor["at"] + len(expected)], expected)
    assert cnnlab("explore", run, "--no-train-on", "--json").json["playground"] is None
