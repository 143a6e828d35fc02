"""Figures against torchmetrics and scipy."""

from __future__ import annotations

import math

import pytest
import torch
import torchmetrics.functional.classification as tm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score
from torch import nn

from cnnlab.errors import UserError
from cnnlab.evaluation import balanced_accuracy, eval_mode, evaluate, logits, uneven, wilson_interval


def sample(seed: int, count: int = 400, classes: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are right more often than not, as a trained net's are."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (count,), generator=generator)
    answers = torch.randn(count, classes, generator=generator) * 2
    answers[torch.arange(count), labels] += 2
    return answers, labels


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_figures_equal_torchmetrics(seed, classes):
    answers, labels = sample(seed, classes=classes)
    ours = evaluate(answers, labels, classes=[str(i) for i in range(classes)])
    each = {"num_classes": classes, "average": None}
    assert ours.accuracy == pytest.approx(float(tm.multiclass_accuracy(answers, labels, classes, average="micro")))
    assert ours.loss == pytest.approx(float(nn.functional.cross_entropy(answers, labels)), rel=1e-6)
    confusion = tm.multiclass_confusion_matrix(answers, labels, classes)
    assert [list(row) for row in ours.confusion] == confusion.tolist()
    for name in ("precision", "recall"):
        oracle = getattr(tm, f"multiclass_{name}")(answers, labels, **each).tolist()
        assert [getattr(row, name) for row in ours.per_class] == pytest.approx(oracle, rel=1e-5)
    assert [row.f1 for row in ours.per_class] == pytest.approx(
        tm.multiclass_f1_score(answers, labels, **each).tolist(), rel=1e-5
    )
    oracle = tm.multiclass_calibration_error(answers.double(), labels, classes, n_bins=15, norm="l1")
    assert ours.ece == pytest.approx(float(oracle), abs=1e-6)


@given(st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_equals_scipys(pair):
    successes, trials = pair
    oracle = binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((oracle.low, oracle.high), abs=1e-9)


@given(st.integers(0, 10_000), st.integers(2, 12))
@settings(max_examples=20, deadline=None)
def test_balanced_accuracy_equals_scikit_learns(seed, classes):
    answers, labels = sample(seed, classes=classes)
    ours = balanced_accuracy(evaluate(answers, labels, classes=[str(i) for i in range(classes)]))
    assert ours == pytest.approx(balanced_accuracy_score(labels, answers.argmax(dim=1)))


def test_classes_are_uneven_from_one_and_a_half_times_on():
    def says(*counts):
        labels = torch.tensor([label for label, count in enumerate(counts) for _ in range(count)])
        return uneven(evaluate(torch.eye(len(counts))[labels], labels, classes=["cat", "dog", "owl"][: len(counts)]))

    assert says(30, 20) is None
    assert says(1135, 892, 980) is None  # as MNIST's test has them
    assert says(90, 10) == (
        "classes are uneven: 90.0% of the images are cat; always answering it gives 90.0%, and a balanced accuracy "
        "of 50.0%"
    )
    assert "62.0% of the images are dog" in (says(38, 62, 0) or "")
    assert "balanced accuracy of 50.0%" in (says(38, 62, 0) or ""), "a class without images has no recall"
    assert says(7) is None


def test_mistakes_are_the_wrong_ones_most_confident_first():
    answers, labels = sample(0)
    mistakes = evaluate(answers, labels, classes=list("abcdefg")).mistakes
    predicted = answers.argmax(dim=1)
    assert {m.index for m in mistakes} == set((predicted != labels).nonzero().flatten().tolist())
    assert all((m.label, m.predicted) == (int(labels[m.index]), int(predicted[m.index])) for m in mistakes)
    assert [m.probability for m in mistakes] == sorted((m.probability for m in mistakes), reverse=True)


def test_a_class_without_images_or_predictions_gets_zero_not_nan():
    figures = evaluate(torch.tensor([[9.0, 0, 0], [9.0, 0, 0]]), torch.tensor([0, 1]), classes=["a", "b", "c"])
    assert [(row.precision, row.recall, row.f1) for row in figures.per_class][1:] == [(0, 0, 0), (0, 0, 0)]
    assert all(math.isfinite(x) for row in figures.calibration for x in (row.confidence, row.accuracy))


def test_logits_leave_the_net_as_it_was():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(72, 4))
    net[1].eval()
    net.train(True)
    net[1].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    images = torch.randint(0, 256, (600, 1, 8, 8), dtype=torch.uint8)
    answers = logits(net, images, mean=(0.5,), std=(0.25,))
    assert [module.training for module in net] == [True, False, True, True, True]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not answers.requires_grad
    with eval_mode(net):
        oracle = net((images.float() / 255 - 0.5) / 0.25)
    torch.testing.assert_close(answers, oracle)


@pytest.mark.parametrize(
    ("answers", "labels", "says"),
    [
        (torch.nn.Linear(3, 3), torch.tensor([0]), "answers: got Linear; expected a tensor"),
        (torch.rand(2, 3), [0, 1], "labels: got list; expected a tensor"),
        (torch.rand(2, 4), torch.tensor([0, 1]), r"got float32 \(2, 4\) for 3 classes"),
        (torch.rand(2, 3), torch.tensor([0, 1, 2]), r"got int64 \(3,\) for answers to 2 images"),
        (torch.rand(2, 3), torch.tensor([0, 3]), "got numbers from 0 to 3; expected 0 to 2 for 3 classes"),
    ],
)
def test_what_cannot_be_scored_is_said(answers, labels, says):
    with pytest.raises(UserError, match=says):
        evaluate(answers, labels, classes=("a", "b", "c"))
