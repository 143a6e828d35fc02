"""`cnnlab predict` says that a picture's border is unlike the training images', and what it advises helps."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from cnnlab import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Digits as arrays, and one of the validation split, bright on black and dark on white."""
    folder = tmp_path_factory.mktemp("border")
    data = load("mnist-5k@1000")
    np.savez(
        folder / "digits.npz",
        x_train=data.train.images[:, 0].numpy(),
        y_train=data.train.labels.numpy(),
        x_test=data.test.images[:, 0].numpy(),
        y_test=data.test.labels.numpy(),
    )
    digit = data.validation.images[0, 0].numpy()
    Image.fromarray(digit).save(folder / "bright.png")
    Image.fromarray(255 - digit).save(folder / "dark.png")
    return folder


@pytest.fixture
def run(folder, cnnlab):
    path = folder / "run"
    if not path.exists():
        assert cnnlab("train", "mlp", "--data", f"npz:{folder / 'digits.npz'}", "--epochs", 1, "--out", path).code == 0
    return path


def test_a_picture_of_the_other_polarity_is_warned_of_and_the_advice_helps(cnnlab, run, folder):
    outcome = cnnlab("predict", run, folder / "bright.png", folder / "dark.png")
    said = " ".join(outcome.err.split())
    assert outcome.code == 0
    assert said.count("its border is") == 1
    assert "dark.png: its border is 100% of white, those of the training images 0%" in said
    assert "name --preparation digit" in said
    near, far = cnnlab("predict", run, folder / "bright.png", folder / "dark.png", "--json").result
    assert near["warning"] is None
    assert "its border is 100% of white" in far["warning"]
    (mended,) = cnnlab("predict", run, folder / "dark.png", "--preparation", "digit", "--json").result
    assert mended["warning"] is None
    assert mended["label"] == near["label"]


def test_a_run_of_an_earlier_version_is_asked_without_a_warning(cnnlab, run, folder):
    record = json.loads((run / "config.json").read_text())
    assert record["data"].pop("border")[0] == 0
    (run / "config.json").write_text(json.dumps(record))
    (answer,) = cnnlab("predict", run, folder / "dark.png", "--json").result
    assert answer["warning"] is None
