"""A net is measured by its classes' names, whatever order another set counts them in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnlab.data import data_of
from cnnlab.errors import UserError
from cnnlab.runs.by_names import by_names


def a_set(classes):
    """Twenty images of each class, each with its class's number as its brightness."""
    labels = np.repeat(np.arange(len(classes)), 20)
    images = np.random.default_rng(0).integers(0, 255, (len(labels), 8, 8)).astype(np.uint8)
    return data_of(images, labels, classes=classes)


def test_labels_are_taken_by_name():
    data = a_set(["dog", "Cat ", "bird"])
    mapped = by_names(data, ("bird", "cat", "dog"))
    assert mapped.classes == ("bird", "cat", "dog")
    for name in ("train", "validation", "test"):
        before, after = data.split(name), mapped.split(name)
        assert torch.equal(before.images, after.images)
        names = [data.classes[i].strip().lower() for i in before.labels]
        assert [mapped.classes[i] for i in after.labels] == names
    assert by_names(data, data.classes) is data


@pytest.mark.parametrize(
    "classes", [("dog", "cat", "fish"), ("a", "b", "c"), ("dog", "cat"), ("dog", "cat", "bird", "horse")]
)
def test_other_names_are_refused_with_both_lists(classes):
    with pytest.raises(UserError, match=rf"its classes are dog, cat, bird; the net knows {', '.join(classes)}"):
        by_names(a_set(["dog", "cat", "bird"]), classes)


def test_evaluate_maps_by_name_and_refuses_other_classes(cnnlab, tmp_path):
    from cnnlab import load

    run = tmp_path / "run"
    assert cnnlab("train", "mlp", "--data", "mnist-5k@300", "--epochs", 1, "--out", run).code == 0
    test = load("mnist-5k").validation  # by which the run was chosen, but for a pixel
    turned = np.array([9 - int(name) for name in range(10)])
    images, labels = test.images[:, 0].numpy().copy(), test.labels.numpy()
    images[:, 0, 0] = 1

    def file(name, labels, classes):
        train = {"x_train": np.ascontiguousarray(images[:300, ::-1]), "y_train": labels[:300]}
        np.savez(tmp_path / name, **train, x_test=images[300:], y_test=labels[300:], classes=classes)
        return f"npz:{tmp_path / name}"

    names = [str(i) for i in range(10)]
    straight = cnnlab("evaluate", run, "--data", file("a.npz", labels, names), "--json")
    mapped = cnnlab("evaluate", run, "--data", file("b.npz", turned[labels], names[::-1]), "--json")
    assert straight.result["accuracy"] == mapped.result["accuracy"] > 0.3
    assert straight.result["confusion"] == mapped.result["confusion"]
    assert "in another order (9, 8, 7" in mapped.err
    assert "in another order" not in straight.err
    refused = cnnlab("evaluate", run, "--data", file("c.npz", labels, [f"letter {i}" for i in range(10)]))
    assert refused.code == 2
    assert "its classes are letter 0, letter 1" in refused.err
