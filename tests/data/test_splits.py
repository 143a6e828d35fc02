from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.data.splits import put_in_order, shuffle_keys, stratify


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 99))
def test_parts_are_disjoint_complete_and_stratified(drawn, seed):
    labels = np.array(drawn + [0, 1, 2, 3] * 3)
    keys = shuffle_keys(len(labels), seed=seed)
    parts = stratify(labels, keys, shares=(0.1, 0.1), classes=("a", "b", "c", "d"), name="x")
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for label in range(4):
        whole = int((labels == label).sum())
        for part in parts[1:]:
            got = int((labels[part] == label).sum())
            assert got >= 1
            assert got == 1 or abs(got - whole * 0.1) <= 0.5


def test_a_permutation_of_images_permutes_the_parts_alike():
    labels, keys = np.arange(40) % 2, shuffle_keys(40, seed=1)
    order = np.random.default_rng(0).permutation(40)
    straight = stratify(labels, keys, shares=(0.2,), classes=("a", "b"), name="x")
    moved = stratify(labels[order], keys[order], shares=(0.2,), classes=("a", "b"), name="x")
    for one, other in zip(straight, moved, strict=True):
        assert one.tolist() == order[other].tolist()


def test_keys_are_the_same_for_ever():
    assert shuffle_keys(3, seed=0).tolist() == KEYS
    assert len(set(shuffle_keys(5_000, seed=5_000).tolist())) == 5_000


KEYS = [11749869230777074271, 4976686463289251617, 755828109848996024]


def test_refuses_a_class_too_small_to_split(refused):
    text = refused(
        stratify,
        np.array([0, 0, 0, 1]),
        shuffle_keys(4, seed=0),
        shares=(0.1, 0.1),
        classes=("cat", "dog"),
        name="x",
    )
    assert "class dog has 1 image;" in text


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60), st.integers(0, 99))
def test_groups_stay_whole_and_every_part_has_every_class(drawn, seed):
    own = [(label, 100 + 10 * label + i) for label in range(4) for i in range(3)]
    labels = np.array([label for label, _ in drawn + own])
    groups = np.array([group + 20 * label for label, group in drawn + own])  # none in two classes
    keys = shuffle_keys(len(labels), seed=seed)
    parts = stratify(labels, keys, shares=(0.1, 0.1), classes=("a", "b", "c", "d"), name="x", groups=groups)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    held = [set(groups[part].tolist()) for part in parts]
    assert sum(map(len, held)) == len(set.union(*held))
    for part in parts:
        assert set(labels[part].tolist()) == {0, 1, 2, 3}


@given(st.lists(st.integers(0, 2), min_size=9, max_size=60), st.integers(0, 99))
def test_groups_of_one_change_nothing(drawn, seed):
    labels = np.array(drawn + [0, 1, 2] * 3)
    keys = shuffle_keys(len(labels), seed=seed)
    options = {"shares": (0.1, 0.1), "classes": ("a", "b", "c"), "name": "x"}
    alone = stratify(labels, keys, **options, groups=np.arange(len(labels))[::-1].copy())
    for one, other in zip(stratify(labels, keys, **options), alone, strict=True):
        assert one.tolist() == other.tolist()


@given(st.permutations(range(12)))
def test_rows_are_put_in_order_in_place(order):
    rows = np.arange(24).reshape(12, 2)
    expected = rows[list(order)]
    put_in_order(rows, np.array(order))
    assert rows.tolist() == expected.tolist()
