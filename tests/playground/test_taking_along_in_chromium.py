"""What the page gives to take along is what it says: weights, command and class, each used as its reader would."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch

from cnnlab.cli.options import net_changes, training_changes
from cnnlab.cli.train import command as train_command
from cnnlab.config import Augmentation, DataRecord, NetSpec, Training, checked
from cnnlab.data import load
from cnnlab.nets import build_net
from cnnlab.playground.nets import plan_net
from cnnlab.playground.settings import Settings
from cnnlab.runs.folder import data_record
from cnnlab.training.loop import background
from cnnlab.training.recipes import recipe

pytestmark = pytest.mark.browser

CONV_NET = {
    "widths": (3, 5),
    "kernel_size": 4,
    "convs_per_block": 1,
    "batch_norm": True,
    "hidden": 7,
    "pool": "stride",
    "dropout": 0.5,
}
NETS = {"lenet5": {}, "simple-cnn": {}, "mlp": {"hidden": (30, 20)}, "conv-net": CONV_NET}


def page_record(name: str = "mnist-5k") -> dict[str, Any]:
    """As much of the page's record as these modules read."""
    data = load(name)
    counts = {split: len(data.split(split)) for split in ("train", "validation", "test")}
    return {
        "version": "1",
        "data": {
            "name": data.name,
            "classes": list(data.classes),
            "shape": list(data.image_shape),
            "mean": list(data.mean),
            "std": list(data.std),
            "fill": background(data),
            "of": counts,
            "record": data_record(data).model_dump(mode="json"),
            **counts,
        },
    }


def planned(name: str) -> dict[str, Any]:
    net = plan_net(NetSpec(name=name, options=NETS[name]), (1, 28, 28), 10).to_page()
    return net | {"weights": None}


def settings_of(net: str, **chosen: Any) -> dict[str, Any]:
    return {"net": net, "design": None} | Settings(**({"images": 4000} | chosen)).to_page()


@pytest.mark.parametrize("name", NETS)
def test_the_weights_are_the_nets_own_and_say_what_they_are(in_modules: Callable[..., Any], name: str) -> None:
    chosen = settings_of(name, dropout=0.25, seed=3, shift=1, optimizer="momentum")
    text = in_modules(
        """const { weightsFile } = await module("weights_file.js");
        const { initialWeights } = await module("initial.js");
        const numbers = initialWeights(given.planned, given.settings.seed);
        const way = { steps: 125, passes: 2, epochs: [], openings: [], taught: [], beside: [] };
        const file = weightsFile({ ...given, ...way, numbers });
        return btoa(Array.from(file, (byte) => String.fromCharCode(byte)).join(""));""",
        {"record": page_record(), "planned": planned(name), "settings": chosen},
    )
    content = base64.b64decode(text)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    assert all(entry["data_offsets"][0] % 4 == 0 for name, entry in header.items() if name != "__metadata__")

    said = json.loads(header["__metadata__"]["cnnlab"])
    spec = checked(NetSpec, {"name": said["net"], "options": said["options"]}, "the file")
    assert spec.options["dropout"] == 0.25
    assert checked(DataRecord, said["data"], "the file") == data_record(load("mnist-5k"))
    training = checked(Training, said["training"], "the file")
    assert training == Training(
        epochs=2, optimizer="sgd", momentum=0.9, learning_rate=1e-3, augmentation=Augmentation(shift=1)
    )
    assert (said["format"], said["seed"], said["steps"], said["settings"]) == (1, 3, 125, chosen)

    net = build_net(spec, image_shape=(1, 28, 28), num_classes=10, seed=3)
    state = safetensors.torch.load(content)
    counters = {key: value for key, value in state.items() if key.endswith("num_batches_tracked")}
    assert all(value == 125 and value.dtype == torch.int64 for value in counters.values())
    expected = {key: value for key, value in net.state_dict().items() if key not in counters}
    assert {key: value.tolist() for key, value in state.items() if key not in counters} == {
        key: value.tolist() for key, value in expected.items()
    }
    net.load_state_dict(state)


COMMAND = """const { trainCommand } = await module("command.js");
const way = { passes: 2.5, isChanged: false, taught: 0, ...given.way };
return trainCommand(given.record, given.planned, given.settings, way);"""


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_the_command_trains_as_the_page_did(in_modules: Callable[..., Any], name: str, optimizer: str) -> None:
    decay = 1e-4 if optimizer == "adamw" else 0
    chosen = {"learning_rate": 2e-3, "batch_size": 32, "dropout": 0.0, "weight_decay": decay, "seed": 9, "images": 500}
    settings = settings_of(name, optimizer=optimizer, **chosen)
    said = in_modules(COMMAND, {"record": page_record(), "planned": planned(name), "settings": settings})
    assert said["cannot"] == said["differs"] == []

    words = shlex.split(said["command"])
    assert words[:2] == ["cnnlab", "train"]
    values = train_command.make_context("train", words[2:]).params
    assert values["net"] == name
    assert values["data"] == "mnist-5k@500"
    assert values["seed"] == 9
    options = NETS[name] | {"dropout": 0.0}
    assert net_changes(values, name) == options
    data = load(values["data"])
    net = build_net(NetSpec(name=name, options=options), image_shape=(1, 28, 28), num_classes=10, seed=9)
    training = recipe(values["recipe"], net, data, epochs=values["epochs"], **training_changes(values))
    expected = Settings(optimizer=optimizer, **chosen).training()  # ty: ignore[invalid-argument-type]
    same = {"epochs": 2.5, "channels_last": training.channels_last, "device": "auto"}
    # momentum is SGD's alone
    same |= {"momentum": training.momentum} if optimizer.startswith("adam") else {}
    assert training == expected.model_copy(update=same)


def test_the_command_says_what_it_cannot_do(in_modules: Callable[..., Any]) -> None:
    record = page_record()
    record["data"] |= {"name": "npz:my digits.npz+shuffled-labels", "validation": 100}
    given = {
        "record": record,
        "planned": planned("lenet5") | {"weights": True},
        "settings": settings_of("lenet5", wrong_labels=0.1, images=100, dropout=0.3, shift=2),
        "way": {"isChanged": True, "taught": 1},
    }
    said = in_modules(COMMAND, given)
    assert "--data 'npz:my digits.npz@100+shuffled-labels'" in said["command"]
    assert "--shift 2 --dropout 0.3" in said["command"]
    for part, found in zip(
        ("10.0 % of", "1 image of yours", "changed", "a run’s weights"), said["cannot"], strict=True
    ):
        assert part in found
    assert "dropout’s masks and shifts" in said["differs"][0]
    assert "all 500 validation images; the page holds 100" in said["differs"][1]


@pytest.mark.parametrize("name", NETS)
def test_the_class_is_the_net_and_its_loop_trains(in_modules: Callable[..., Any], name: str) -> None:
    changes = {"shift": 2, "weight_decay": 1e-3, "optimizer": "adamw"} if name == "conv-net" else {}
    settings = settings_of(name, dropout=0.25, batch_size=20, **changes)
    text = in_modules(
        """const { pytorchClass } = await module("pytorch_class.js");
        return pytorchClass(given.record, given.planned, given.settings, 1);""",
        {"record": page_record(), "planned": planned(name), "settings": settings},
    )
    found: dict[str, Any] = {}
    exec(compile(text, f"{name}.py", "exec"), found)
    made = next(value for value in found.values() if isinstance(value, type) and value.__module__ == "builtins")
    spec = NetSpec(name=name, options=NETS[name] | {"dropout": 0.25})
    net = build_net(spec, image_shape=(1, 28, 28), num_classes=10, seed=4)
    own = made()
    own.load_state_dict(net.state_dict())
    train = load("mnist-5k").train
    images = found["normalised"](train.images[:8])
    assert torch.equal(own.eval()(images), net.eval()(images))
    shares = [module.p for module in own.modules() if isinstance(module, torch.nn.Dropout)]
    assert shares == [module.p for module in net.modules() if isinstance(module, torch.nn.Dropout)]

    trained = found["train"](train.images[:60], train.labels[:60], epochs=2)
    assert all(torch.isfinite(value).all() for value in trained.state_dict().values())
    assert not torch.equal(trained(images), made().eval()(images))


def test_what_was_forgotten_is_counted_class_by_class(in_modules: Callable[..., Any]) -> None:
    before, after, labels = [0, 0, 1, 2, 2, 1], [0, 1, 1, 1, 2, 0], [0, 0, 1, 2, 2, 0]
    found = in_modules(
        """const { compared } = await module("forgotten.js");
        return compared(...given, 3);""",
        [before, after, labels],
    )
    of = [{"of": 3, "before": 2, "after": 2}, {"of": 1, "before": 1, "after": 1}, {"of": 2, "before": 2, "after": 1}]
    assert found == {"classes": of, "lost": [1, 3], "won": [5]}
