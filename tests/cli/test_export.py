"""What `cnnlab export` writes answers as the net does, says how to feed it, and is not there where it does not."""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import safetensors
import safetensors.torch
import torch
from PIL import Image
from tests.new_runs import make_run

from cnnlab import LeNet5, load, open_run
from cnnlab.exchange import exporting, formats, to_onnx
from cnnlab.exchange.format import Format
from cnnlab.exchange.tracing import trace
from cnnlab.runs import execute

FORMATS = ["onnx", "pt2", "safetensors"]


@pytest.fixture(scope="module")
def data():
    return load("mnist-5k")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    few = load("mnist-5k@400")
    made, net = make_run(tmp_path_factory.mktemp("runs") / "digits", few, net="lenet5", epochs=8)
    execute(made, net, few)
    return made


def reader(path, kind):
    """(what answers normalised images (N, 1, 28, 28), what the file says), with nothing of cnnlab but the nets."""
    if kind == "onnx":
        session = onnxruntime.InferenceSession(path)
        return lambda x: session.run(None, {session.get_inputs()[0].name: x})[0], dict(
            session.get_modelmeta().custom_metadata_map
        )
    if kind == "pt2":
        extra = {"metadata.json": ""}
        net = torch.export.load(path, extra_files=extra).module()
        return lambda x: net(torch.from_numpy(x)).detach().numpy(), json.loads(extra["metadata.json"])
    with safetensors.safe_open(path, framework="pt") as file:
        said = file.metadata()
    net = LeNet5(**json.loads(said["net_options"]))
    net.load_state_dict(safetensors.torch.load_file(path))
    net.eval()
    return lambda x: net(torch.from_numpy(x)).detach().numpy(), said


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_with_what_it_says_of_itself_gives_the_class_that_predict_gives(kind, run, data, cnnlab, tmp_path):
    outcome = cnnlab("export", run.path, "--to", kind, "--out", tmp_path / f"exported.{kind}", "--json")
    assert outcome.code == 0, outcome.err
    said = outcome.json
    assert said["file"] == str(tmp_path / f"exported.{kind}")
    assert said["bytes"] == (tmp_path / f"exported.{kind}").stat().st_size
    assert 0 <= said["largest_difference"] <= said["tolerance"] == pytest.approx(1e-4 * said["largest_logit"])
    assert said["batches"] == [1, 3, 64]

    answer, about = reader(tmp_path / f"exported.{kind}", kind)
    assert about["input_layout"] == "NCHW"
    assert json.loads(about["input_shape"]) == ["batch", 1, 28, 28]
    assert about["run"] == "digits"
    assert about["data_sha256"] == run.config.data.sha256
    classes, (mean,), (std,) = (json.loads(about[key]) for key in ("classes", "mean", "std"))
    files, classes_found = [], []
    for index in range(0, 500, 25):  # evenly spaced: the first twenty show five classes
        pixels = data.test.images[index, 0].numpy()
        files.append(tmp_path / f"{index}.png")
        Image.fromarray(pixels).save(files[-1])
        x = ((np.asarray(Image.open(files[-1]), dtype=np.float64) / 255 - mean) / std).astype(np.float32)
        classes_found.append(classes[answer(x[None, None]).argmax()])
    predicted = cnnlab("predict", run.path, *files, "--no-prepare", "--json").json
    assert classes_found == [each["label"] for each in predicted]
    assert len(set(classes_found)) > 5, "a net that says one thing of all images would agree, too"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_takes_batches_of_any_size(kind, run, data, cnnlab, tmp_path):
    path = tmp_path / f"exported.{kind}"
    assert cnnlab("export", run.path, "--to", kind, "--out", path).code == 0
    answer, _ = reader(path, kind)
    images = torch.randn(130, 1, 28, 28)
    with torch.no_grad():
        expected = run.load_net()(images).numpy()
    for size in (1, 2, 5, 130):
        np.testing.assert_allclose(answer(images[:size].numpy()), expected[:size], atol=1e-5)


def test_by_default_the_file_lies_in_the_run_and_opening_test_images_is_noted(run, cnnlab):
    before = run.test_openings()
    outcome = cnnlab("export", run.path, "--to", "safetensors")
    assert outcome.code == 0, outcome.err
    assert (run.path / "net.safetensors").exists()
    assert f"{run.path / 'net.safetensors'}" in outcome.out
    assert "difference" in outcome.out
    assert run.test_openings() == before + 1
    assert open_run(run.path).load_net()(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_answers_otherwise_is_not_kept(kind, run, cnnlab, tmp_path, monkeypatch):
    honest = formats.find_format(kind)

    def write_another_net(net, example, beside):
        other = copy.deepcopy(net)
        next(other.parameters()).data.mul_(1.01)
        return honest.write(other, example, beside)

    wrong = Format(honest.reader, write_another_net, honest.open)
    monkeypatch.setattr(exporting, "find_format", lambda _kind: wrong)
    path = tmp_path / f"exported.{kind}"
    path.write_bytes(b"an older file")
    outcome = cnnlab("export", run.path, "--to", kind, "--out", path)
    assert outcome.code == 2
    assert "away from the net; expected at most" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"an older file"


OWN = """
import torch.nn.functional as F
from torch import nn


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(784, 10)


class Branching(Base):
    def forward(self, x):
        x = x.flatten(1)
        return self.dense(x if x.mean() > 0 else -x)


class Counting(Base):
    def forward(self, x):
        return self.dense(x.flatten(1)) + self.dense.bias.expand(len(x), -1)


class Restless(Base):
    def forward(self, x):
        return self.dense(F.dropout(x.flatten(1), 0.5, training=True))

"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Runs of nets of one's own, by class."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own.py").write_text(OWN)
    few = load("mnist-5k@100")
    runs = {}
    for name in ("Branching", "Restless", "Counting"):
        runs[name], net = make_run(folder / name, few, net=f"{folder}/own.py:{name}", epochs=1, recipe_name="lesson")
        execute(runs[name], net, few)
    return runs


@pytest.mark.parametrize("kind", ["onnx", "pt2"])
def test_a_net_that_asks_for_values_is_refused_in_one_line(kind, own, cnnlab, tmp_path):
    run = own["Branching"]
    outcome = cnnlab("export", run.path, "--net", run.config.net.name, "--to", kind, "--out", tmp_path / "net")
    assert outcome.code == 2, outcome.err
    assert "Branching cannot be exported" in outcome.err
    assert "--to safetensors" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())
    weights = cnnlab("export", run.path, "--net", run.config.net.name, "--to", "safetensors", "--out", tmp_path / "net")
    assert weights.code == 0, weights.err


def test_who_writes_the_shape_for_len_as_is_asked_for_has_a_net_that_is_exported(own, cnnlab, tmp_path):
    run = own["Counting"]
    code = Path(run.config.net.name.partition(":")[0])
    outcome = cnnlab("export", run.path, "--net", f"{code}:Counting", "--to", "pt2", "--out", tmp_path / "net")
    assert "len(x)" in outcome.err
    assert "write x.shape[0] there" in outcome.err
    mended = tmp_path / "mended.py"
    mended.write_text(code.read_text().replace("len(x)", "x.shape[0]"))
    outcome = cnnlab("export", run.path, "--net", f"{mended}:Counting", "--to", "pt2", "--out", tmp_path / "net")
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("wrap", [torch.nn.DataParallel, lambda net: torch.compile(net, backend="eager")])
def test_a_wrapped_net_s_graph_is_that_of_the_net_inside(wrap):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 3)).eval()
    x = torch.randn(5, 1, 3, 3)
    assert torch.equal(trace(wrap(net), x[:2]).module()(x), net(x))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_net_that_never_answers_twice_alike_is_refused(kind, own, cnnlab, tmp_path):
    run = own["Restless"]
    outcome = cnnlab("export", run.path, "--net", run.config.net.name, "--to", kind, "--out", tmp_path / "net")
    assert outcome.code == 2, outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_one_line_that_says_what_to_install(run, cnnlab, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    outcome = cnnlab("export", run.path, "--to", "onnx", "--out", tmp_path / "net.onnx")
    assert outcome.code == 2
    assert "pip install 'cnnlab[onnx]'" in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.slow
def test_names_of_the_graph_are_those_of_the_docs(run, cnnlab, tmp_path):
    assert cnnlab("export", run.path, "--to", "onnx", "--out", tmp_path / "net.onnx").code == 0
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (given,), (got,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape, given.type) == (to_onnx.INPUT, ["batch", 1, 28, 28], "tensor(float)")
    assert (got.name, got.shape) == (to_onnx.OUTPUT, ["batch", 10])


def test_the_programs_in_the_docs_run_and_give_the_class_that_predict_gives(
    run, data, cnnlab, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    for kind in FORMATS:
        assert cnnlab("export", run.path, "--to", kind, "--out", f"net.{kind}").code == 0
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "exchange.md").read_text()
    with_onnx, with_torch = (
        program
        for program in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        if "net.onnx" in program or "net.pt2" in program
    )
    assert "cnnlab" not in with_onnx
    for index in range(5):
        Image.fromarray(data.test.images[index, 0].numpy()).save("digit.png")
        predicted = cnnlab("predict", run.path, "digit.png", "--no-prepare", "--json").json[0]["label"]
        exec(compile(with_onnx, "docs/how-to/exchange.md", "exec"), {})
        assert capfd.readouterr().out.strip() == predicted
    names = {}
    exec(compile(with_torch, "docs/how-to/exchange.md", "exec"), names)
    x = torch.randn(2, 1, 28, 28)
    assert torch.equal(names["net"](x), run.load_net()(x))


@pytest.mark.slow
@pytest.mark.parametrize("net", ["simple-cnn", "lenet5-1998"])
def test_batch_norm_and_the_net_of_1998_become_onnx(net, cnnlab, tmp_path):
    assert cnnlab("train", net, "--data", "mnist-5k@100", "--epochs", 1, "--out", tmp_path / "run").code == 0
    outcome = cnnlab("export", tmp_path / "run", "--to", "onnx", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["largest_difference"] < 1e-5 * max(1, outcome.json["largest_logit"])


def test_colour_images_become_the_input_by_each_channel_s_own_statistics(cnnlab, tmp_path):
    generator = np.random.default_rng(0)
    pixels = {split: generator.integers(0, 256, (40, 12, 10, 3), dtype=np.uint8) for split in ("train", "val", "test")}
    pixels = {split: (images * (0.3, 0.6, 1.0)).astype(np.uint8) for split, images in pixels.items()}
    labels = {f"y_{split}": np.arange(40) % 4 for split in pixels}
    np.savez(tmp_path / "colour.npz", **{f"x_{split}": images for split, images in pixels.items()}, **labels)
    data = f"npz:{tmp_path / 'colour.npz'}"
    trained = cnnlab("train", "conv-net", "--data", data, "--epochs", 1, "--out", tmp_path / "run")
    assert trained.code == 0, trained.err
    assert cnnlab("export", tmp_path / "run", "--to", "onnx", "--out", tmp_path / "net.onnx").code == 0
    answer, about = reader(tmp_path / "net.onnx", "onnx")
    assert json.loads(about["input_shape"]) == ["batch", 3, 12, 10]
    mean, std = (np.array(json.loads(about[name])) for name in ("mean", "std"))
    x = ((pixels["test"] / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    Image.fromarray(pixels["test"][7]).save(tmp_path / "colour.png")
    predicted = cnnlab("predict", tmp_path / "run", tmp_path / "colour.png", "--no-prepare", "--json").json[0]
    shares = np.exp(answer(x[7:8])[0].astype(np.float64))
    np.testing.assert_allclose(list(predicted["probabilities"].values()), shares / shares.sum(), atol=1e-4)
