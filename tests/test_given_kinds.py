"""What the Python API takes of another kind is told in one line, and who does what the line says is understood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import cnnlab
from cnnlab import LeNet5, Training, UserError

PAIRS = TensorDataset(torch.zeros(8, 1, 28, 28), torch.arange(8) % 2)


@pytest.fixture(scope="module")
def data() -> Any:
    return cnnlab.load("mnist-5k@100")


@pytest.mark.parametrize("given", [DataLoader(PAIRS), PAIRS, (np.zeros((8, 28, 28)), np.zeros(8)), None])
@pytest.mark.parametrize(
    "call",
    [
        lambda net, data: cnnlab.train(net, data),
        lambda net, data: cnnlab.find_learning_rate(net, data),
        lambda net, data: cnnlab.recipe("fast", net, data),
    ],
)
def test_images_of_another_kind(call: Callable[..., Any], given: Any) -> None:
    with pytest.raises(UserError, match=rf"^data: got {type(given).__name__}; expected an ImageSet: cnnlab.data_of\("):
        call(LeNet5(), given)


def test_a_name_a_split_and_a_path_lead_to_the_set(data: Any) -> None:
    with pytest.raises(UserError, match=r"got the name 'mnist-5k'; expected its images: cnnlab.load\('mnist-5k'\)$"):
        cnnlab.train(LeNet5(), "mnist-5k")  # ty: ignore[invalid-argument-type]
    with pytest.raises(UserError, match="got one split; expected an ImageSet"):
        cnnlab.train(LeNet5(), data.train)
    with pytest.raises(UserError, match=r"^data: got ndarray; .* cnnlab.data_of\(images, labels\)"):
        cnnlab.load(np.zeros((8, 28, 28)))  # ty: ignore[invalid-argument-type]


def test_a_path_is_a_sets_name(tmp_path: Path, data: Any) -> None:
    place = tmp_path / "set.npz"
    images = data.train.images.squeeze(1).numpy()
    np.savez(place, images=images, labels=data.train.labels.numpy())
    assert cnnlab.load(Path(f"npz:{place}")).sha256 == cnnlab.load(f"npz:{place}").sha256


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (LeNet5, r"got the class LeNet5; expected a net that was built of it: LeNet5\(\)"),
        ("lenet5", r"got the text 'lenet5'; expected an nn.Module: build one, such as cnnlab.SimpleCNN\(\)"),
        (None, "got NoneType; expected an nn.Module"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda net, data: cnnlab.train(net, data),
        lambda net, data: cnnlab.find_learning_rate(net, data),
        lambda net, data: cnnlab.recipe("fast", net, data),
        lambda net, _: cnnlab.describe(net),
        lambda net, _: cnnlab.feature_maps(net, torch.zeros(1, 1, 28, 28)),
    ],
)
def test_a_net_of_another_kind(call: Callable[..., Any], given: Any, says: str, data: Any) -> None:
    with pytest.raises(UserError, match=f"^net: {says}"):
        call(given, data)


def test_what_train_returns_has_the_net_in_it(data: Any) -> None:
    trained = cnnlab.train(cnnlab.MLP(), data, Training(epochs=1))
    with pytest.raises(UserError, match=r"^net: got TrainedNet; expected the net alone, which is in it: give its .net"):
        cnnlab.describe(trained)  # ty: ignore[invalid-argument-type]
    assert cnnlab.describe(trained.net).parameters > 0


@pytest.mark.parametrize("call", [cnnlab.train, cnnlab.find_learning_rate])
def test_a_training_of_another_kind(call: Callable[..., Any], data: Any) -> None:
    with pytest.raises(UserError, match=r"^training: got dict; expected a Training: cnnlab.Training\(epochs=3\)"):
        call(LeNet5(), data, {"epochs": 1})


@pytest.mark.parametrize("given", [28, (1.0, 28, 28), None, "28"])
def test_a_size_of_another_kind(given: Any) -> None:
    with pytest.raises(UserError, match=r"^input_shape: got .*; expected whole numbers \(C, H, W\)"):
        cnnlab.describe(LeNet5(), given)
    assert cnnlab.describe(LeNet5(), tuple(np.array([1, 28, 28]))).macs == cnnlab.describe(LeNet5()).macs


def test_pixels_of_another_kind() -> None:
    with pytest.raises(UserError, match=r"^images: got ndarray; expected a tensor"):
        cnnlab.feature_maps(LeNet5(), np.zeros((1, 1, 28, 28)))  # ty: ignore[invalid-argument-type]


@pytest.mark.parametrize(
    ("call", "what", "one"),
    [
        (cnnlab.compare, "variants", "no-dropout"),
        (cnnlab.sweep, "values", "dropout=0.5"),
        (cnnlab.claims, "ids", "dropout-mean"),
    ],
)
def test_one_name_is_no_list_of_them(call: Callable[..., Any], what: str, one: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"^{what}: got one text, '{one}'; expected a list of them: \['{one}'\]"):
        call(one, out=tmp_path / "out")
    with pytest.raises(UserError, match=rf"^{what}: got int; expected a list of texts"):
        call(3, out=tmp_path / "out")
    with pytest.raises(UserError, match=rf"^{what}: got int in it; expected a list of texts"):
        call([3], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_of_another_kind() -> None:
    with pytest.raises(UserError, match=r"^run: got NoneType; expected the path of a file or folder"):
        cnnlab.open_run(None)  # ty: ignore[invalid-argument-type]
