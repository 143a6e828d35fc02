"""What `train`, `predict` and `evaluate` say of images like nothing that a net was trained on."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from cnnlab.cli import main
from cnnlab.data import load
from cnnlab.features.unlike import unpack
from cnnlab.runs import open_run

DATA = "mnist-5k@600"

#: What an answer has besides, where it is told whether the image is like those of the training.
JUDGED = ("unlike", "temperature", "calibrated")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run as `cnnlab train` leaves it."""
    path = tmp_path_factory.mktemp("unlike") / "run"
    how = ("--widths", "8", "--hidden", "32", "--data", DATA, "--epochs", "6", "--out", str(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["cnnlab", "train", "conv-net", *how])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return path


@pytest.fixture
def run(trained, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture
def files(tmp_path):
    """A digit of the test split, and noise."""
    data = load(DATA)
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    Image.fromarray(data.test.images[0, 0].numpy()).save(tmp_path / "digit.png")
    Image.fromarray(noise).save(tmp_path / "noise.png")
    return tmp_path / "digit.png", tmp_path / "noise.png"


def test_a_training_keeps_what_predict_needs_without_its_data(run, files, cnnlab, monkeypatch):
    monkeypatch.setattr("cnnlab.data.load", lambda *_, **__: pytest.fail("the data were loaded"))
    digit, noise = cnnlab("predict", run, *files, "--no-prepare", "--json").result
    assert not digit["unlike"]["is_unlike"]
    assert noise["unlike"]["is_unlike"]
    assert noise["unlike"]["p_value"] <= noise["unlike"]["false_alarms"] == 0.01
    # As it was, and beside it the same ranking of the classes at another temperature.
    assert digit["probability"] == digit["probabilities"][digit["label"]]
    power = {name: share ** (1 / digit["temperature"]) for name, share in digit["probabilities"].items()}
    for name, share in digit["calibrated"].items():
        assert share == pytest.approx(power[name] / sum(power.values()), rel=1e-6)


def test_the_answer_says_first_that_an_image_is_like_nothing(run, files, cnnlab):
    plain = cnnlab("predict", run, *files, "--no-prepare")
    assert plain.code == 0
    digit, noise = plain.out.splitlines()
    assert "like nothing" not in digit
    assert ", calibrated " in digit
    says = "noise.png: like nothing it was trained on (1 % of its validation images are called so); closest: "
    assert says in noise
    chosen = cnnlab("predict", run, *files, "--no-prepare", "--false-alarms", 0.05)
    assert "(5 % of its validation images are called so)" in chosen.out


def test_a_rate_that_so_few_validation_images_cannot_hold_is_refused(run, files, cnnlab):
    refused = cnnlab("predict", run, *files, "--no-prepare", "--false-alarms", 0.001)
    assert refused.code == 2
    assert "a rate of 0.001 false alarms cannot be held by the 400 validation images" in refused.err
    assert "at least 999" in refused.err
    assert cnnlab("evaluate", run, "--false-alarms", 0.001).code == 2
    assert cnnlab("predict", run, *files, "--false-alarms", 1).code == 2


def test_a_run_without_it_answers_as_before_and_says_how_to_make_it(run, files, cnnlab):
    whole = cnnlab("predict", run, files[0], "--no-prepare", "--json").result
    (run / "unlike.safetensors").unlink()
    bare = cnnlab("predict", run, files[0], "--no-prepare", "--json")
    assert bare.result == [{name: whole[0][name] for name in whole[0] if name not in JUDGED}]
    assert f"make it where its data are with: cnnlab evaluate {run}" in " ".join(bare.err.split())
    assert cnnlab("predict", run, files[0], "--no-prepare", "--false-alarms", 0.1).code == 2
    cnnlab("evaluate", run, "--json")
    assert (run / "unlike.safetensors").exists()
    assert cnnlab("predict", run, files[0], "--no-prepare", "--json").result == whole


def test_what_was_fitted_to_other_weights_is_not_used(run, files, cnnlab, tmp_path):
    how = ("--widths", 8, "--hidden", 32, "--data", DATA, "--epochs", 1, "--seed", 1, "--out", tmp_path / "other")
    assert cnnlab("train", "conv-net", *how).code == 0
    shutil.copy(run / "weights.safetensors", tmp_path / "other")
    answer = cnnlab("predict", tmp_path / "other", files[0], "--no-prepare", "--json")
    assert "unlike" not in answer.result[0]
    assert "keeps no unlike.safetensors of this net" in " ".join(answer.err.split())


def test_a_damaged_file_is_refused_in_a_line(run, files, cnnlab):
    (run / "unlike.safetensors").write_bytes(b"\xff" * 100)
    for ask in (("predict", run, files[0]), ("evaluate", run), ("evaluate", run, "--unlike", DATA)):
        refused = cnnlab(*ask)
        assert refused.code == 2
        assert "unlike.safetensors is damaged" in " ".join(refused.err.split())


def test_evaluate_says_how_many_are_called_so_and_what_the_temperature_does(run, cnnlab):
    figures = cnnlab("evaluate", run, "--json").result
    low, high = figures["unlike"]["interval"]
    assert low <= figures["unlike"]["share"] <= high
    assert low <= 0.03, "no more than chance leaves open of one in a hundred"
    assert list(figures["unlike"]["per_class"]) == [str(digit) for digit in range(10)]
    classes = {one["name"]: one["images"] for one in figures["per_class"]}
    counted = sum(share * classes[name] for name, share in figures["unlike"]["per_class"].items())
    assert counted / figures["images"] == pytest.approx(figures["unlike"]["share"])
    assert figures["loss_calibrated"] < figures["loss"]
    plain = " ".join(cnnlab("evaluate", run).out.split())
    assert f"with temperature {figures['temperature']:.3f}, fitted on validation" in plain
    assert "called like nothing it was trained on, at 1 % false alarms" in plain


def test_the_share_found_of_other_things_is_measured(run, cnnlab, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (60, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "noise.npz", images=pixels, labels=np.arange(60) % 2, classes=np.array(["salt", "pepper"]))
    ask = ("evaluate", run, "--unlike", f"npz:{tmp_path / 'noise.npz'}", "--split", "train")
    figures = cnnlab(*ask, "--json").result
    assert figures["unlike"]["share"] > 0.9
    assert sum(figures["called"].values()) == round(figures["images"] * (1 - figures["unlike"]["share"]))
    assert "called like nothing it was trained on, at 1 % false alarms" in " ".join(cnnlab(*ask).out.split())


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (("--unlike", DATA, "--data", DATA), "--unlike: got --data as well; expected one of the two"),
        (("--unlike", DATA), "was trained on; expected images of other things"),
        (("--unlike", "npz:small.npz"), "has images of 1×20×20; the net of"),
    ],
)
def test_what_cannot_be_measured_as_other_things_is_refused(run, cnnlab, tmp_path, monkeypatch, how, says):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (60, 20, 20), dtype=np.uint8)
    np.savez("small.npz", images=pixels, labels=np.arange(60) % 2)
    refused = cnnlab("evaluate", run, *how)
    assert refused.code == 2
    assert says in " ".join(refused.err.split())


def test_the_page_says_the_temperature_and_the_rate(run):
    page = " ".join((run / "report.html").read_text().split())
    assert "among 400 validation images, at most 1 % are as strange" in page.replace("&nbsp;", " ")
    fitted = unpack(*open_run(run).read_unlike(), run / "unlike.safetensors", open_run(run).config.data)
    assert f"divided by <b>{fitted.temperature:.3f}</b>, fitted on validation" in page
    assert fitted.ece[1] < fitted.ece[0]
