"""The commands' JSON: keys, types and ranges that others rely on. Figures on stdout, progress on stderr."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from cnnlab.data import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("contract")


@pytest.fixture
def run(folder, cnnlab):
    """One run for the whole module, made by the command itself."""
    path = folder / "run"
    if not path.exists():
        outcome = cnnlab(
            "train", "simple-cnn", "--data", "mnist-5k", "--epochs", 2, "--seed", 0, "--out", path, "--json"
        )
        assert outcome.code == 0, outcome.err
        (folder / "train.json").write_text(outcome.out)
        (folder / "train.err").write_text(outcome.err)
    return path


@pytest.fixture(scope="module")
def digits(folder):
    """Ten test images of mnist-5k as PNG files, dark ink on white paper, three times as large."""
    data = load("mnist-5k")
    paths = []
    for index in range(10):
        pixels = 255 - data.test.images[index, 0].numpy()
        path = folder / f"{index}-is-{int(data.test.labels[index])}.png"
        Image.fromarray(pixels).resize((84, 84), Image.Resampling.BICUBIC).save(path)
        paths.append(path)
    return paths


def test_train(run, folder):
    result = json.loads((folder / "train.json").read_text())
    assert {"run", "parameters", "train_time_s", "epochs_run", "validation", "test"} <= set(result)
    assert result["run"] == str(run)
    assert result["parameters"] == 421_834
    assert result["train_time_s"] > 0
    assert result["epochs_run"] == 2
    assert result["validation"].keys() >= {"accuracy", "loss"}
    low, high = result["test"]["accuracy_interval"]
    assert 0.9 < low < result["test"]["accuracy"] < high <= 1
    assert result["test"]["loss"] > 0
    err = (folder / "train.err").read_text()
    assert "recipe fast" in err
    assert "epoch 2" in err
    assert (run / "report.html").read_text().startswith("<!doctype html>")


def test_evaluate(run, cnnlab, folder):
    outcome = cnnlab("evaluate", run, "--json")
    assert outcome.code == 0, outcome.err
    figures = outcome.json
    assert {"accuracy", "loss", "ece", "confusion", "per_class"} <= set(figures)
    trained = json.loads((folder / "train.json").read_text())
    assert figures["accuracy"] == trained["test"]["accuracy"]
    assert figures["loss"] == trained["test"]["loss"]
    assert np.trace(figures["confusion"]) / np.sum(figures["confusion"]) == figures["accuracy"]
    assert [row["name"] for row in figures["per_class"]] == list("0123456789")
    assert 0 <= figures["ece"] <= 1
    validation = cnnlab("evaluate", run, "--split", "validation", "--data", "mnist-5k", "--json").json
    assert validation["accuracy"] == trained["validation"]["accuracy"]


def test_every_opening_of_the_test_split_is_noted(run, cnnlab):
    before = len((run / "test-openings.jsonl").read_text().splitlines())
    cnnlab("evaluate", run, "--json")
    cnnlab("evaluate", run, "--split", "validation", "--json")
    assert len((run / "test-openings.jsonl").read_text().splitlines()) == before + 1


def test_evaluate_for_people(run, cnnlab):
    outcome = cnnlab("evaluate", run)
    assert outcome.code == 0
    assert "95 % interval" in outcome.out
    assert "recall" in outcome.out


def test_predict(run, cnnlab, digits):
    outcome = cnnlab("predict", run, *digits, "--json")
    assert outcome.code == 0, outcome.err
    answers = outcome.json
    assert [answer["file"] for answer in answers] == [str(path) for path in digits]
    for answer in answers:
        assert answer["probabilities"][answer["label"]] == answer["probability"]
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
    right = sum(answer["label"] == path.stem[-1] for answer, path in zip(answers, digits, strict=True))
    assert right >= 9


def test_predict_tries_all_files_and_says_which_failed(run, cnnlab, digits, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    outcome = cnnlab("predict", run, broken, digits[0], tmp_path / "absent.jpg", "--json")
    assert outcome.code == 1
    first, second, third = outcome.json
    assert set(first) == {"file", "error"} == set(third)
    assert "label" in second
    plain = cnnlab("predict", run, broken, digits[0])
    assert plain.code == 1
    assert str(digits[0]) in plain.out
    assert "broken.png" in plain.err


def test_predict_shows_what_the_net_sees(run, cnnlab, digits):
    outcome = cnnlab("predict", run, digits[0], "--show")
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) > 10


def test_predict_takes_pixels_as_they_are(run, cnnlab, tmp_path):
    data = load("mnist-5k")
    raw = tmp_path / "raw.png"
    Image.fromarray(data.test.images[0, 0].numpy()).save(raw)
    assert cnnlab("predict", run, raw, "--no-prepare", "--json").json[0]["label"] == str(int(data.test.labels[0]))
    large = tmp_path / "large.png"
    Image.new("L", (50, 50)).save(large)
    outcome = cnnlab("predict", run, large, "--no-prepare", "--json")
    assert outcome.code == 1
    assert "50×50" in outcome.json[0]["error"]


def test_data(cnnlab):
    rows = {row["name"]: row for row in cnnlab("data", "--json").json}
    assert {"mnist-5k", "mnist", "fashion-mnist", "kmnist"} <= set(rows)
    assert rows["mnist-5k"]["verified"] is True
    assert rows["mnist-5k"]["images"] == {"train": 4000, "validation": 500, "test": 500}
    plain = cnnlab("data")
    assert "5,000" in plain.out or "5000" in plain.out


def test_find_lr(cnnlab):
    found = cnnlab("find-lr", "lenet5", "--json").json
    assert 1e-5 < found["suggestion"] < 1
    assert "suggestion" in cnnlab("find-lr", "lenet5").out


def test_same_seed_same_metrics(cnnlab, tmp_path):
    results = []
    for name in "ab":
        outcome = cnnlab(
            "train", "lenet5", "--epochs", 1, "--seed", 3, "--shift", 1, "--out", tmp_path / name, "--json"
        )
        assert outcome.code == 0, outcome.err
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        timeless = [{k: v for k, v in json.loads(line).items() if not k.endswith("time_s")} for line in lines]
        result = {k: v for k, v in outcome.json.items() if k not in ("run", "train_time_s")}
        results.append((timeless, result, (tmp_path / name / "weights.safetensors").read_bytes()))
    assert results[0] == results[1]


def test_resume_of_a_finished_run_says_its_figures_again(run, cnnlab, folder):
    outcome = cnnlab("train", "simple-cnn", "--out", run, "--resume", "--json")
    assert outcome.code == 0
    assert outcome.json == json.loads((folder / "train.json").read_text())


def test_own_net(cnnlab, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "from torch import nn\n\n\nclass Dense(nn.Sequential):\n"
        "    def __init__(self):\n        super().__init__(nn.Flatten(), nn.Linear(784, 10))\n"
    )
    outcome = cnnlab("train", f"{own}:Dense", "--epochs", 1, "--out", tmp_path / "run", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["parameters"] == 7850
    refused = cnnlab("evaluate", tmp_path / "run")
    assert refused.code == 2
    assert "never run by itself" in refused.err
    assert cnnlab("evaluate", tmp_path / "run", "--net", f"{own}:Dense", "--json").code == 0


@pytest.mark.slow
def test_ctrl_c_keeps_the_run_and_resume_goes_on(tmp_path):
    import signal

    command = [sys.executable, "-m", "cnnlab", "train", "lenet5", "--epochs", "60", "--out", str(tmp_path / "run")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("epoch 2 "):
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait() == 130
    assert "--resume" in rest
    assert "Traceback" not in rest
    done = len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
    assert 2 <= done < 60
    process = subprocess.Popen([*command, "--resume"], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("epoch "):
            assert line.startswith(f"epoch {done + 1} "), "it goes on where it stopped"
            break
    process.kill()
    process.stderr.read()
    process.wait()


def test_help_is_quick():
    """Counted as the processor's time, which does not depend on what else runs."""
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "cnnlab", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.4


def test_help_loads_nothing_heavy():
    code = "import sys; sys.argv = ['cnnlab', '--help']\ntry:\n    from cnnlab.cli import main; main()\nfinally:\n" + (
        "    heavy = {'torch', 'numpy', 'matplotlib', 'pydantic', 'rich'} & set(sys.modules)\n"
        "    print(heavy, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"
