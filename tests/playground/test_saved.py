"""A file that the page saved becomes a run: measured anew, refused where anything does not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.data.normalise import normalise
from cnnlab.errors import UserError
from cnnlab.nets.resolve import build_net
from cnnlab.runs import open_run
from cnnlab.runs.folder import data_record

EPOCH = {
    "epoch": 1,
    "steps": 3,
    "learning_rate": 0.001,
    "training_loss": 2.1,
    "training_accuracy": 0.3,
    "remeasured_loss": 1.9,
    "remeasured_accuracy": 0.4,
    "remeasured_images": 200,
    "validation_loss": 1.9,
    "validation_accuracy": 0.4,
    "is_best": True,
    "train_time_s": 0.5,
    "eval_time_s": 0.1,
}


@pytest.fixture(scope="module")
def net() -> torch.nn.Module:
    """SimpleCNN, trained for a moment by a loop of its own."""
    data = load("mnist-5k@200")
    net = build_net(NetSpec(name="simple-cnn"), image_shape=(1, 28, 28), num_classes=10, seed=3)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(6):
        optimizer.zero_grad()
        x = normalise(data.train.images, data.mean, data.std)
        torch.nn.functional.cross_entropy(net(x), data.train.labels).backward()
        optimizer.step()
    return net.eval()


def description() -> dict[str, Any]:
    """What `web/weights_file.js` writes."""
    return {
        "format": 1,
        "page": "0",
        "net": "simple-cnn",
        "options": {"dropout": 0.25},
        "data": data_record(load("mnist-5k@200")).model_dump(mode="json"),
        "settings": {"net": "simple-cnn", "images": 150, "wrongLabels": 0.1, "design": None, "seed": 3},
        "training": {"epochs": 1.5, "batch_size": 64, "optimizer": "adam", "momentum": 0.9, "precision": "fp32"},
        "seed": 3,
        "epochs": [EPOCH],
        "steps": 4,
        "test_openings": [
            {"opened": "2026-01-02T03:04:05Z", "step": 4, "accuracy": 0.4, "loss": 1.9, "images": 500},
        ],
        "taught": [{"label": "7", "count": 5}],
        "beside": ["Settings were changed while it trained."],
    }


@pytest.fixture
def save(net, tmp_path) -> Callable[..., Path]:
    def save(name: str = "mine", tensors: Any = None, **changes: Any) -> Path:
        path = tmp_path / f"{name}.safetensors"
        said = json.dumps(description() | changes)
        safetensors.torch.save_file(tensors or net.state_dict(), path, {"format": "pt", "cnnlab": said})
        return path

    return save


def test_evaluate_says_what_pytorch_finds_on_these_weights(net, save, cnnlab):
    data, path = load("mnist-5k@200"), save()
    with torch.no_grad():
        answers = net(normalise(data.test.images, data.mean, data.std)).argmax(dim=1)
    outcome = cnnlab("evaluate", path, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["accuracy"] == float((answers == data.test.labels).double().mean())
    assert outcome.json["images"] == 500
    assert "mine from now on" in outcome.err
    again = cnnlab("evaluate", path, "--json")
    assert again.json == outcome.json
    assert "from now on" not in again.err


def test_the_run_holds_what_the_page_wrote_down(net, save):
    run = open_run(save())
    assert run.path.name == "mine"
    assert (run.config.recipe, run.config.seed, run.config.net.options) == ("playground", 3, {"dropout": 0.25})
    assert [epoch.validation_accuracy for epoch in run.epochs()] == [0.4]
    assert run.result().test.accuracy == run.evaluations()["test"].accuracy
    assert run.test_openings() == 2  # the page's, and the one at the making
    for name, value in run.load_net().state_dict().items():
        assert torch.equal(value, net.state_dict()[name])
    said = " ".join(run.config.data.notes)
    for part in ("150 of the training", "wrong labels on 10%", "5 images of its reader's", "Settings were changed"):
        assert part in said


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [[EPOCH], []])
def test_explore_reads_it_too(save, cnnlab, epochs):
    path = save(epochs=epochs)
    outcome = cnnlab("explore", path, "--no-open", "--no-train-on")
    assert outcome.code == 0, outcome.err
    folder = path.with_suffix("")
    assert (folder / "explorer.html").exists()
    report = (folder / "report.html").read_text()
    assert "It was trained in a browser, by the playground." in report
    assert "--recipe lesson" in re.sub("<[^>]*>", "", report)
    assert ("Learning curves" in report) == bool(epochs)


def test_a_look_at_the_test_images_with_a_loss_of_nan_is_a_look_too(save):
    opening = description()["test_openings"][0]
    run = open_run(save(test_openings=[opening, opening | {"loss": None}]))
    assert run.test_openings() == 3


def test_epochs_keep_the_numbers_that_the_page_gave_them(save):
    """It begins where a trained net ended, and one that teaching cut short is not recorded."""
    epochs = [EPOCH | {"epoch": number} for number in (20, 21, 23)]
    run = open_run(save(epochs=epochs))
    assert [epoch.epoch for epoch in run.epochs()] == [20, 21, 23]
    assert run.result().epochs_run == 3


@pytest.mark.parametrize("numbers", [(1, 1), (2, 1), (1, 3, 2)])
def test_epochs_that_do_not_follow_each_other_are_refused(save, numbers):
    with pytest.raises(UserError, match="expected epochs one after another"):
        open_run(save(epochs=[EPOCH | {"epoch": number} for number in numbers]))


def test_another_file_of_that_name_does_not_pass_for_the_run(net, save):
    open_run(save())
    other = {name: value + 1 if value.is_floating_point() else value for name, value in net.state_dict().items()}
    path = save(tensors=other)
    with pytest.raises(UserError, match="was made from another file of that name"):
        open_run(path)


def test_nothing_of_anybody_s_is_written_over(save):
    path = save()
    folder = path.with_suffix("")
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="was not made from it"):
        open_run(path)
    assert [each.name for each in folder.iterdir()] == ["thesis.txt"]


def test_a_kill_while_the_run_is_made_costs_nothing(save):
    path = save()
    run = open_run(path)
    (run.path / "result.json").unlink()
    assert open_run(path).is_finished
    assert run.test_openings() == 3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"net": "lenet6"}, "got the net 'lenet6'"),
        ({"net": "own.py:Net"}, "got the net 'own.py:Net'"),
        ({"net": "lenet5"}, "weights do not fit lenet5"),
        ({"net": "conv-net", "options": {"convs_per_block": 10**9}}, "got options for 1,000,000,000 layers"),
        ({"net": "conv-net", "options": {"hidden": 10**12}}, "parameters on images of 1×28×28; expected at most"),
        ({"options": {"droop": 1}}, "has no option droop"),
        ({"net": "conv-net", "options": {"widths": [10**9]}}, "its maps of one image have more than 50,000,000 values"),
        ({"net": "conv-net", "options": {"widths": [10**30]}}, "building the net failed"),
        ({"net": "conv-net", "options": {"widths": "abc"}}, "building the net failed"),
        ({"net": "mlp", "options": {"hidden": 10**12}}, "building the net failed"),
        ({"data": description()["data"] | {"name": ""}}, "unknown data set ''"),
        ({"data": description()["data"] | {"name": "a\nb"}}, "unknown data set"),
        ({"data": description()["data"] | {"name": f"folder:{'x' * 5000}"}}, "cannot be read"),
        ({"data": description()["data"] | {"mean": [0.1, 0.1], "std": [1, 1]}}, "one a channel"),
        ({"data": description()["data"] | {"std": [0]}}, r"data\.std\.0: got 0"),
        ({"options": [1]}, "options: got"),
        ({"format": 2}, "format: got 2"),
        ({"steps": 0}, "before its net's first step"),
        ({"seed": -1}, "seed: got -1"),
        ({"epochs": [{"epoch": 1}]}, "is missing"),
        ({"training": {"epochs": 1, "optimiser": "adam"}}, "unknown key training.optimiser"),
        ({"beside": "x" * 1_000_001}, "does not say what net it holds"),
        ({"more": 1}, "unknown key more"),
    ],
)
def test_a_description_that_fits_nothing_is_refused_and_leaves_nothing(save, changes, says):
    path = save(**changes)
    with pytest.raises(UserError, match=says) as refused:
        open_run(path)
    assert "\n" not in str(refused.value)
    assert list(path.parent.iterdir()) == [path]


def test_other_images_are_refused(save):
    record = description()["data"] | {"sha256": "0" * 64}
    with pytest.raises(UserError, match=r"mnist-5k@200 of SHA-256 000000000000…, which has .* here"):
        open_run(save(data=record))


def test_weights_that_are_no_numbers_are_refused(net, save):
    tensors = {name: value.clone() for name, value in net.state_dict().items()}
    tensors["classifier.4.bias"][2] = float("nan")
    with pytest.raises(UserError, match="NaN or infinite"):
        open_run(save(tensors=tensors))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.complex64, torch.int8])
def test_weights_of_another_kind_are_refused(net, save, dtype):
    with pytest.raises(UserError, match=r"; expected .* of float32: save it again"):
        open_run(save(tensors={name: value.to(dtype) for name, value in net.state_dict().items()}))


@pytest.mark.parametrize(
    "said",
    [None, {}, {"cnnlab": "{"}, {"cnnlab": "[1]"}, {"cnnlab": "[" * 100_000}, {"cnnlab": f'{{"steps": {"9" * 5000}}}'}],
)
def test_a_file_that_is_not_the_playground_s_is_refused(tmp_path, said):
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, said)
    with pytest.raises(UserError, match="does not say what net it holds"):
        open_run(path)


def test_a_damaged_file_is_refused(save):
    path = save()
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match="is damaged"):
        open_run(path)
