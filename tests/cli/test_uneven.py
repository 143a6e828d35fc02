"""Classes of very different sizes: figures of single classes come before the accuracy of all images."""

from __future__ import annotations

import numpy as np
import pytest

from cnnlab.runs import open_run

NAMES = ("[b]cat", "dog")


@pytest.fixture
def uneven(tmp_path):
    """180 images of one class, 20 of the other."""
    images = np.random.default_rng(0).integers(0, 256, (200, 8, 8), dtype=np.uint8)
    labels = np.arange(200) // 180
    images[labels == 1] //= 4
    np.savez(tmp_path / "uneven.npz", images=images, labels=labels, classes=np.array(NAMES))
    return f"npz:{tmp_path / 'uneven.npz'}"


def test_they_come_first_and_it_says_why(cnnlab, tmp_path, uneven):
    trained = cnnlab("train", "mlp", "--data", uneven, "--epochs", 1, "--out", tmp_path / "run")
    assert trained.code == 0, trained.err
    lines = trained.out.splitlines()
    per_class = open_run(tmp_path / "run").evaluations()["test"].per_class
    says = "classes are uneven: 90.0% of the images are [b]cat"
    why = next(i for i, line in enumerate(lines) if line.startswith(says))
    assert lines[why + 1].split()[:2] == ["balanced", f"{sum(each.recall for each in per_class) / 2:.2%}"]
    assert lines[why + 2].startswith(f"recall         {per_class[0].recall:.2%}")
    assert lines[why + 2].endswith("18 images of [b]cat")
    assert lines[why + 4].startswith("test accuracy")

    told = cnnlab("evaluate", tmp_path / "run")
    lines = told.out.splitlines()
    words = "classes are uneven", "balanced accuracy", "class ", "[b]cat", "accuracy", "loss", "confusion"
    order = [next(i for i, line in enumerate(lines) if line.startswith(word)) for word in words]
    assert order == sorted(order)
    assert sum(line.startswith("class ") for line in lines) == 1
    figures = cnnlab("evaluate", tmp_path / "run", "--json").result
    assert figures["balanced_accuracy"] == pytest.approx(np.mean([each["recall"] for each in figures["per_class"]]))

    page = (tmp_path / "run" / "report.html").read_text()
    header = page[page.index("<header>") : page.index("</header>")]
    assert header.index("balanced test accuracy") < header.index(">18<") < header.index(">test accuracy: ")
    assert f"C{says[1:]}" in header


def test_of_even_classes_the_accuracy_comes_first(cnnlab, tmp_path):
    trained = cnnlab("train", "mlp", "--data", "mnist-5k@100", "--epochs", 1, "--out", tmp_path / "run")
    assert "uneven" not in trained.out
    assert "recall" not in trained.out
    lines = cnnlab("evaluate", tmp_path / "run").out.splitlines()
    assert lines[1].startswith("accuracy")
    assert lines.index("") < next(i for i, line in enumerate(lines) if line.startswith("class "))
    assert "uneven" not in (tmp_path / "run" / "report.html").read_text()
