"""Confident learning in plain NumPy against cleanlab, the authors' own code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab.inspection.confident import confident_joint, doubted, margins, suspects, thresholds

count = pytest.importorskip("cleanlab.count", reason="needs cleanlab: pip install 'cnnlab[dev]'")
rank = pytest.importorskip("cleanlab.rank")
find_label_issues = pytest.importorskip("cleanlab.filter").find_label_issues


def judged(seed: int, classes: int, images: int = 600, *, sure: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of nets that know the truth well, and labels of which a tenth is wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, images)
    logits = rng.normal(size=(images, classes)) + sure * np.eye(classes)[truth] * rng.uniform(0, 2, (images, 1))
    logits += rng.normal(size=classes)  # nets are surer of some classes than of others
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.where(rng.random(images) < 0.1, rng.integers(0, classes, images), truth)
    return probabilities, labels


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.sampled_from([0.3, 2.0, 6.0]))
def test_joint_and_thresholds_are_cleanlabs(seed: int, classes: int, sure: float) -> None:
    probabilities, labels = judged(seed, classes, sure=sure)
    np.testing.assert_allclose(
        thresholds(probabilities, labels), count.get_confident_thresholds(labels, probabilities), rtol=1e-12
    )
    expected = count.compute_confident_joint(labels, probabilities, calibrate=False)
    ours = confident_joint(probabilities, labels)
    np.fill_diagonal(ours, ours.diagonal().clip(min=1))  # as cleanlab does, so that its noise rates exist
    np.testing.assert_array_equal(ours, expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.sampled_from([0.3, 2.0, 6.0]))
def test_suspects_are_cleanlabs_in_its_order(seed: int, classes: int, sure: float) -> None:
    probabilities, labels = judged(seed, classes, sure=sure)
    expected = find_label_issues(
        labels,
        probabilities,
        filter_by="confident_learning",
        return_indices_ranked_by="normalized_margin",
        n_jobs=1,
    )
    assert suspects(probabilities, labels).tolist() == expected.tolist()
    np.testing.assert_allclose(
        (margins(probabilities, labels) + 1) / 2, rank.get_normalized_margin_for_each_label(labels, probabilities)
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.sampled_from([0.3, 2.0, 6.0]))
def test_doubted_ones_are_cleanlabs_in_its_order_and_all_suspects_among_them(
    seed: int, classes: int, sure: float
) -> None:
    probabilities, labels = judged(seed, classes, sure=sure)
    expected = find_label_issues(
        labels,
        probabilities,
        filter_by="predicted_neq_given",
        return_indices_ranked_by="normalized_margin",
        n_jobs=1,
    )
    found = doubted(probabilities, labels).tolist()
    assert found == expected.tolist()
    assert set(suspects(probabilities, labels).tolist()) <= set(found)


def test_a_class_without_images_has_no_threshold_that_is_reached() -> None:
    probabilities, labels = judged(0, 4)
    labels[labels == 3] = 2
    assert thresholds(probabilities, labels)[3] == np.inf
    expected = count.compute_confident_joint(labels, probabilities, calibrate=False)
    assert confident_joint(probabilities, labels)[:3].tolist() == expected[:3].tolist()


def test_rows_are_taken_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities, labels = judged(1, 5)
    whole = suspects(probabilities, labels).tolist()
    monkeypatch.setattr("cnnlab.inspection.confident._ROWS", 7)
    assert suspects(probabilities, labels).tolist() == whole
    assert len(whole) > 20


def test_what_has_one_class_has_no_suspect() -> None:
    nothing = np.ones((5, 3)) / 3
    for listed in (suspects, doubted):
        assert listed(np.ones((5, 1)), np.zeros(5, dtype=np.int64)).tolist() == []
        assert listed(nothing, np.array([0, 1, 2, 0, 1])).tolist() == [], "what is as probable as the label is no doubt"
