"""What claims about kinds of nets decide on made-up figures: statement true, false, and passed by the control."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from cnnlab.claims import cnn_beats_dense, early_edges, lenet_digits, locality_matters, pooling_invariance
from cnnlab.claims.claim import found_over_seeds
from cnnlab.config import NetSpec
from cnnlab.runs.plan import Plan

NOISE = (-0.001, 0.0, 0.001)


def about(value, noise=NOISE):
    return [value + one for one in noise]


def verdict_of(judged, *controls):
    return found_over_seeds(judged, unit="points", says="", controls=controls).verdict


@pytest.mark.parametrize(
    ("cnn", "dense", "verdict"),
    [
        ((0.98, 0.90), (0.95, 0.95), "supported"),
        ((0.98, 0.977), (0.95, 0.95), "not supported"),  # 0.3 points: significant, and too little to matter
        ((0.98, 0.98), (0.95, 0.95), "not supported"),
        ((0.98, 0.90), (0.95, 0.87), "not supported"),  # the dense net loses as much
        ((0.98, 0.85), (0.95, 0.90), "undecided"),  # more, but the dense net does not ignore the order either
    ],
)
def test_locality_matters_where_the_cnn_alone_loses(cnn, dense, verdict):
    # Noise that falls on every cell alike would cancel: each seed's permuted CNN has its own.
    cells = {
        (True, False): about(cnn[0], (0, 0, 0)),
        (True, True): about(cnn[1]),
        (False, False): about(dense[0], (0, 0, 0)),
        (False, True): about(dense[1], (0.001, -0.001, 0.0)),
    }
    assert verdict_of(*locality_matters.decide(cells, images=10_000)) == verdict


@pytest.mark.parametrize(
    ("conv", "dense", "narrow", "verdict"),
    [
        (0.915, 0.895, 0.894, "supported"),
        (0.915, 0.910, 0.909, "not supported"),  # half a point
        (0.895, 0.915, 0.914, "not supported"),
        (0.915, 0.895, 0.875, "undecided"),  # width alone brings as much
    ],
)
def test_a_cnn_beats_a_dense_net_by_more_than_width_alone_does(conv, dense, narrow, verdict):
    figures = about(conv), about(dense, (0.001, -0.001, 0.0)), about(narrow, (0.0, 0.001, -0.001))
    assert verdict_of(*cnn_beats_dense.decide(*figures, images=10_000)) == verdict


def test_the_best_recipe_is_chosen_by_validation_and_never_by_test():
    class Figures:
        def __init__(self, validation, test):
            self.validation, self.test = validation, test

    assert cnn_beats_dense._best({"a": Figures((0.9, 0.9), (0.1, 0.1)), "b": Figures((0.8, 0.95), (0.99, 0.99))}) == "a"


def rows(*changes):
    return [[change + noise for change in changes] for noise in NOISE]


def shifted_rows(*changes):
    return [[change + noise for change in changes] for noise in (0.001, -0.001, 0.0)]


@pytest.mark.parametrize(
    ("pooled", "strided", "other", "verdict"),
    [
        ((0.41, 0.6, 0.8), (0.50, 0.7, 0.9), (0.50, 0.7, 0.9), "supported"),
        ((0.48, 0.6, 0.8), (0.50, 0.9, 1.2), (0.50, 0.9, 1.2), "not supported"),  # 2 points at the deciding pixel
        ((0.60, 0.8, 0.9), (0.50, 0.7, 0.8), (0.50, 0.7, 0.8), "not supported"),
        ((0.41, 0.6, 0.8), (0.50, 0.7, 0.9), (0.60, 0.8, 0.9), "undecided"),  # a learning rate does as much
    ],
)
def test_pooling_is_judged_against_strides_at_one_pixel(pooled, strided, other, verdict):
    where, control = pooling_invariance.decide(rows(*pooled), shifted_rows(*strided), rows(*other))
    assert verdict_of(where.deciding, control) == verdict
    assert [at for at, _ in where.places] == [1, 2, 3]
    assert where.places[2][1].effect == pytest.approx(100 * (strided[2] - pooled[2]))


def nets(edges, first, last, noise=NOISE):
    return early_edges.Nets(about(edges, noise), about(first, (0, 0, 0)), about(last, noise))


@pytest.mark.parametrize(
    ("trained", "others", "verdict"),
    [
        ((0.31, 0.90, 0.93), (0.222, 0.88, 0.87), "supported"),
        ((0.236, 0.90, 0.93), (0.222, 0.88, 0.87), "not supported"),  # above chance, and nothing to see
        ((0.31, 0.90, 0.89), (0.222, 0.88, 0.87), "not supported"),  # the blocks differ as in untrained nets
        ((0.31, 0.90, 0.93), (0.30, 0.88, 0.87), "undecided"),  # untrained filters are edges, too
        ((0.31, 0.90, 0.93), (0.222, 0.88, 0.90), "undecided"),  # untrained nets gain, too
    ],
)
def test_edges_count_above_chance_and_classes_above_untrained_nets(trained, others, verdict):
    untrained = nets(0.222, 0.88, 0.87, (0.001, -0.001, 0.0))
    edges, classes, controls = early_edges.decide(nets(*trained), untrained, nets(*others))
    verdicts = early_edges.all_of((edges.verdict, classes.verdict))
    found = found_over_seeds(classes, unit="points", says="", controls=controls, verdict=verdicts)
    assert found.verdict == verdict


def test_chance_is_the_share_of_random_filters_and_a_slope_is_all_gradient():
    filters = np.random.default_rng(0).normal(size=(4000, 3, 3))
    energy = (filters**2).sum(axis=(1, 2))
    shares = np.array([early_edges._share_of(one) for one in filters])
    assert (shares * energy).sum() / energy.sum() == pytest.approx(early_edges.CHANCE, abs=0.01)
    assert early_edges._share_of(np.array([[-1.0, 0, 1]] * 3)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("accuracy", "images", "verdict"),
    [
        (0.99, 10_000, "supported"),
        (0.945, 500, "undecided"),
        (0.925, 10_000, "not supported"),
        (0.9, 500, "not supported"),
    ],
)
def test_digits_are_learnt_where_the_images_can_tell_it_from_the_threshold(accuracy, images, verdict):
    assert lenet_digits.decide(accuracy, images)[0] == verdict


def lenets(accuracy, linear):
    """A laboratory whose LeNets and linear classifiers come to these test accuracies."""

    run = SimpleNamespace(config=SimpleNamespace(data=SimpleNamespace(images={"train": 100})), epochs=list)

    class Figures:
        def __init__(self, value):
            self.test, self.runs = [value] * 3, [run] * 3

    class Found:
        variants, test_images = (Figures(accuracy), Figures(linear)), 10_000

    class Laboratory:
        data, train_size = "mnist", None

        def plan(self, net, **given):
            return Plan(net=NetSpec(name=net), **given)

        def compare(self, plan, variants):
            assert [one.name for one in variants] == ["linear"]
            assert plan.recipe == "fast"
            return Found

    return Laboratory()


@pytest.mark.parametrize(
    ("accuracy", "linear", "verdict"),
    [
        (0.99, 0.925, "supported"),
        (0.92, 0.90, "not supported"),
        (0.99, 0.97, "undecided"),  # digits that a linear classifier learns, too
    ],
)
def test_lenet_is_said_to_learn_only_what_a_linear_classifier_does_not(accuracy, linear, verdict):
    assert lenet_digits.measure(lenets(accuracy, linear)).verdict == verdict


def test_another_shape_refutes_lenet(monkeypatch):
    monkeypatch.setattr(lenet_digits, "SHAPES", [(7, 28, 28), *lenet_digits.SHAPES[1:]])
    assert lenet_digits.measure(lenets(0.99, 0.9)).verdict == "not supported"


@pytest.mark.parametrize(
    "module",
    [cnn_beats_dense, early_edges, lenet_digits, locality_matters, pooling_invariance],
    ids=lambda m: m.__name__,
)
def test_each_says_the_smallest_effect_that_matters(module):
    smallest = module.CLAIM.smallest
    assert smallest is not None
    assert f"{smallest.value:g} " in module.CLAIM.decides
    assert smallest.reason
