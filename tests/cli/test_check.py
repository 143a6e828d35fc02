"""`cnnlab data DATA --check`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab.cli.data import Judging
from cnnlab.inspection.held_out import JUDGING

WRONG = (4, 17, 33)


def squares(count: int, seed: int, *, side: int = 12, channels: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that any net tells apart: a bright square on the left or on the right, in noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = rng.integers(0, 90, (count, side, side, *([channels] if channels else [])), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        left, top = (1 if label == 0 else side - 5), rng.integers(1, side - 5)
        image[top : top + 4, left : left + 4] += 150
    return images, labels


def of_classes(labels: np.ndarray) -> np.ndarray:
    """Images of these labels: an even one's square is on the left, an odd one's on the right."""
    images, sides = squares(2 * len(labels), 0)
    return np.stack([images[sides == label % 2][place] for place, label in enumerate(labels)])


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Squares are learned soon."""
    monkeypatch.setattr("cnnlab.inspection.held_out._epochs", lambda images: 12)


@pytest.fixture
def doubtful(tmp_path: Path) -> str:
    """Three wrong labels, an image twice in one split, one across splits, one nearly, one with two labels."""
    train, train_labels = squares(100, 0)
    validation, validation_labels = squares(30, 1)
    test, test_labels = squares(30, 2)
    train_labels[list(WRONG)] ^= 1
    train[60] = train[62]
    test[4] = train[8]
    test[7] = train[10]  # with another label
    validation[5] = np.clip(train[21].astype(int) + np.random.default_rng(3).integers(-4, 5, (12, 12)), 0, 255)
    np.savez(
        tmp_path / "doubtful.npz",
        x_train=train, y_train=train_labels, x_val=validation, y_val=validation_labels,
        x_test=test, y_test=test_labels, classes=np.array(["left", "[b]right"]),
    )  # fmt: skip
    return f"npz:{tmp_path / 'doubtful.npz'}"


def test_what_is_doubtful_is_found(cnnlab, tmp_path, doubtful):
    document = cnnlab("data", doubtful, "--check", "--quick", "--out", tmp_path / "found", "--json").result
    equal, near, labels = document["equal"], document["near"], document["labels"]
    assert equal["within"] == {"train": 1, "validation": 0, "test": 0}
    assert equal["across"] == {"train/validation": 0, "train/test": 2, "validation/test": 0}
    assert equal["of_different_classes"] == 1
    first = equal["pairs"][0]["images"]
    assert [(each["split"], each["index"], each["label"]) for each in first] == [
        ("train", 10, "left"),
        ("test", 7, "[b]right"),
    ]
    (pair,) = near["pairs"]
    assert [(each["split"], each["index"]) for each in pair["images"]] == [("train", 21), ("validation", 5)]
    assert 0.99 <= pair["correlation"] < 1
    assert {(each["split"], each["index"]) for each in labels["suspects"]} >= {("train", index) for index in WRONG}
    assert labels["found"] <= len(WRONG) + 2
    assert labels["judged"] == labels["of"] == 130
    for each in labels["suspects"]:
        assert each["given"] != each["likely"]
        assert each["given_probability"] < each["likely_probability"]
    assert sum(map(sum, labels["confident_joint"])) <= 130
    kept = json.loads((tmp_path / "found" / "check.json").read_text())
    assert {key: kept[key] for key in ("equal", "near", "labels")} == {"equal": equal, "near": near, "labels": labels}
    assert document["files"] == [str(tmp_path / "found" / "index.html"), str(tmp_path / "found" / "check.json")]
    page = (tmp_path / "found" / "index.html").read_text()
    assert "left → [b]right" in page
    assert page.count('class="conflict"') == 1
    assert all(address.startswith("data:image/png;base64,") for address in re.findall(r'src="([^"]*)"', page))
    assert not re.search(r"<script|<link|@import|url\(http", page)

    told = cnnlab("data", doubtful, "--check", "--quick", "--out", tmp_path / "found")
    assert told.code == 0, told.err
    lines = told.out.splitlines()
    assert lines[0].endswith("100 training, 30 validation, 30 test images, 2 classes")
    assert "train 21 = validation 5" in told.out
    rows = [line for line in lines if re.match(r"(train|validation) \d+ ", line)]
    assert {int(line.split()[1]) for line in rows} >= set(WRONG)
    assert lines[-1] == f"page  {tmp_path / 'found' / 'index.html'}"


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of nets: sure of what an image shows, but every tenth is a little more like the other class to them."""
    answers = np.array([[0.98, 0.02], [0.02, 0.98]], dtype=np.float32)

    def answer(data, learned, pool, asked, net_name, seed, told):
        images = pool.gather(asked).images[:, 0].float()
        shown = (images[:, :, 6:].mean((1, 2)) > images[:, :, :6].mean((1, 2))).long().numpy()
        found = answers[shown]
        tenth = (pool.splits[asked] == 0) & (pool.indices[asked] % 10 == 0)
        found[tenth] = np.array([[0.45, 0.55], [0.55, 0.45]])[shown[tenth]]
        return found

    monkeypatch.setattr("cnnlab.inspection.held_out._answers", answer)


def test_labels_are_judged_several_times(cnnlab, tmp_path, doubtful):
    ask = ("data", doubtful, "--check", "--quick", "--out", tmp_path / "found")
    found = cnnlab(*ask, "--repeats", "2", "--json").result["labels"]
    assert found["repeats"] == 2
    assert {each["index"] for each in found["suspects"]} >= set(WRONG)
    assert "done 2 times" in (tmp_path / "found" / "index.html").read_text()
    once = cnnlab(*ask, "--json").result["labels"]
    assert once["repeats"] == 1
    assert [each["likely_probability"] for each in once["suspects"]] != [
        each["likely_probability"] for each in found["suspects"]
    ]
    assert ", 2 times, which agrees" in cnnlab(*ask, "--repeats", "2").out


@pytest.mark.usefixtures("judged")
def test_doubtful_labels_come_after_those_that_are_probably_wrong(cnnlab, tmp_path, doubtful, monkeypatch):
    found = cnnlab("data", doubtful, "--check", "--out", tmp_path / "found", "--json").result["labels"]
    assert (found["found"], found["doubted"]) == (3, 13)
    places = [(each["split"], each["index"]) for each in found["suspects"]]
    assert places == [("train", index) for index in (*WRONG, *range(0, 100, 10))]
    assert [each["probable"] for each in found["suspects"]] == [True] * 3 + [False] * 10
    page = (tmp_path / "found" / "index.html").read_text()
    probable, others = page.split("<h3>Doubtful labels</h3>")
    assert probable.split('id="labels"')[1].count("<figure>") == 3
    assert "For 10 more labels" in others
    assert others.split('id="equal"')[0].count("<figure>") == 10
    told = cnnlab("data", doubtful, "--check", "--out", tmp_path / "found").out
    assert "3 probable ones among 130" in told
    assert "10 more are doubtful" in told
    assert "and 3 more, on the page and in check.json\n" in told
    monkeypatch.setattr("cnnlab.inspection.inspecting.NAMED", 12)
    told = cnnlab("data", doubtful, "--check", "--out", tmp_path / "found").out
    assert "and 2 more, on the page and in check.json; 1 less suspicious ones are in neither" in told
    assert "<code>check.json</code> has more" not in (tmp_path / "found" / "index.html").read_text()


def test_labels_of_the_test_split_are_judged_where_asked(cnnlab, tmp_path, doubtful):
    ask = ("data", doubtful, "--check", "--quick", "--out", tmp_path / "found", "--json")
    assert cnnlab(*ask).result["labels"]["splits"] == ["train", "validation"]
    judged = cnnlab(*ask, "--test-labels").result["labels"]
    assert judged["splits"] == ["train", "validation", "test"]
    assert judged["judged"] == 160
    assert ("test", 7) in {(each["split"], each["index"]) for each in judged["suspects"]}
    assert "Labels of the test split were judged" in (tmp_path / "found" / "index.html").read_text()


def test_a_set_that_no_command_trains_is_looked_through(cnnlab, tmp_path):
    images, labels = squares(60, 0)
    np.savez(tmp_path / "leaky.npz", x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
    name = f"npz:{tmp_path / 'leaky.npz'}"
    refused = cnnlab("train", "mlp", "--data", name, "--out", tmp_path / "run")
    assert refused.code == 2
    assert "cnnlab data DATA --check lists them" in refused.err
    found = cnnlab("data", name, "--check", "--quick", "--out", tmp_path / "found", "--json").result
    assert sum(found["equal"]["across"].values()) == 20
    assert cnnlab("train", "mlp", "--data", name, "--out", tmp_path / "run").code == 2, (
        "it is allowed for a check alone"
    )


def test_files_of_a_folder_are_named(cnnlab, tmp_path):
    images, labels = squares(100, 0, channels=3)
    labels[9] ^= 1
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = tmp_path / "shapes" / ("left", "right")[label] / f"{index:03}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place)
    found = cnnlab("data", f"folder:{tmp_path / 'shapes'}", "--check", "--quick", "--out", tmp_path / "found",
                   "--test-labels", "--json").result  # fmt: skip
    named = {each["file"]: each for each in found["labels"]["suspects"]}
    assert (named["left/009.png"]["given"], named["left/009.png"]["likely"]) == ("left", "right")
    assert "left/009.png" in (tmp_path / "found" / "index.html").read_text()
    fewer = cnnlab("data", f"folder:{tmp_path / 'shapes'}@30", "--check", "--quick", "--out", tmp_path / "fewer",
                   "--json").result  # fmt: skip
    assert fewer["images"]["train"] == 30
    assert all("file" in each for each in fewer["labels"]["suspects"])


@pytest.mark.parametrize(("sizes", "judged", "left_out"), [((10, 10), 18, []), ((18, 18, 4), 32, ["2"])])
def test_few_images(cnnlab, tmp_path, sizes, judged, left_out):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    np.savez(tmp_path / "few.npz", images=of_classes(labels), labels=labels)
    found = cnnlab("data", f"npz:{tmp_path / 'few.npz'}", "--check", "--quick", "--out", tmp_path / "found", "--json")
    assert found.result["labels"]["judged"] == judged
    assert found.json["labels"]["classes_left_out"] == left_out


def test_labels_that_cannot_be_judged(cnnlab, tmp_path):
    labels = np.repeat([0, 1], [20, 4])
    np.savez(tmp_path / "few.npz", images=of_classes(labels), labels=labels)
    ask = ("data", f"npz:{tmp_path / 'few.npz'}", "--check", "--out", tmp_path / "found")
    assert cnnlab(*ask, "--json").result["labels"] is None
    assert "Labels were not judged" in (tmp_path / "found" / "index.html").read_text()
    assert "not judged" in cnnlab(*ask).out
    np.savez(tmp_path / "few.npz", images=of_classes(labels), labels=0 * labels)
    one = cnnlab(*ask)
    assert one.code == 2
    assert "labels of 1 class only" in one.err


def test_what_is_stopped_leaves_nothing(cnnlab, tmp_path, doubtful, monkeypatch):
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cnnlab.inspection.held_out._answers", stopped)
    assert cnnlab("data", doubtful, "--check", "--out", tmp_path / "found").code == 130
    assert not (tmp_path / "found").exists()


@pytest.mark.parametrize(
    ("quick", "step_s", "says"),
    [(False, 1.0, "judging labels takes about 17 min; with --quick it takes less\n"),
     (True, 1.0, "judging labels takes about 17 min\n"), (False, 0.03, "")],
)  # fmt: skip
def test_how_long_judging_takes_is_told_once(monkeypatch, capfd, quick, step_s, says):
    clock = [0.0]
    monkeypatch.setattr("cnnlab.cli.data.time.perf_counter", lambda: clock[0])
    watch = Judging(quick=quick)
    watch("comparing images", 1, 2)
    for done in range(1, 1001):
        clock[0] += step_s
        watch(JUDGING, done, 1000)
    assert capfd.readouterr().err == says


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--check"], "got no data"),
        (["mnist-5k", "--check", "--clear"], "got --clear"),
        (["mnist-5k"], "got DATA without --check"),
        (["--quick"], "got --quick without --check"),
        (["--repeats", "2"], "got --repeats without --check"),
        (["mnist-5k", "--check", "--repeats", "0"], "--repeats"),
        (["--near", "0.9"], "got --near without --check"),
        (["nosuch", "--check"], "unknown data set"),
    ],
)
def test_what_it_refuses_is_one_line(cnnlab, words, says):
    refused = cnnlab("data", *words)
    assert refused.code == 2
    assert says in refused.err
    assert refused.err.count("\n") == 1
