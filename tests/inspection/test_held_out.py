"""Cross-validation: who judges an image did not learn it, and everybody is judged once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnlab.data import data_of
from cnnlab.data.imageset import ImageSet, Split
from cnnlab.inspection import held_out as module
from cnnlab.inspection.held_out import held_out


def numbered(count: int = 103, classes: int = 3) -> ImageSet:
    """Images that differ, so that an image is known by its pixels."""
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8), dtype=np.uint8)
    return data_of(images, np.arange(count) % classes)


class Watched:
    """In place of a net: what it was taught and asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rounds: list[tuple[Split, Split]] = []
        monkeypatch.setattr(module, "_answers", self.answers)

    def answers(self, data, learned, pool, asked, net_name, seed, told):
        some = pool.gather(asked)
        self.rounds.append((learned, some))
        return np.eye(len(data.classes), dtype=np.float32)[some.labels.numpy()]


def keys(split: Split) -> list[bytes]:
    return [image.numpy().tobytes() for image in split.images]


def test_each_image_is_judged_once_by_a_net_that_learned_the_others(monkeypatch):
    data, watched = numbered(), Watched(monkeypatch)
    found = held_out(data, folds=4)
    assert found is not None
    whole = keys(data.train) + keys(data.validation)
    assert len(watched.rounds) == 4
    asked = [key for _, some in watched.rounds for key in keys(some)]
    assert sorted(asked) == sorted(whole)
    for learned, some in watched.rounds:
        assert sorted(keys(learned) + keys(some)) == sorted(whole)
        counts = np.bincount(some.labels.numpy(), minlength=3)
        assert counts.max() - counts.min() <= 1 + 3 // 2, "each class is spread evenly"
    assert found.accuracy == 1
    for row in range(len(found.labels)):
        part = data.split(found.names[found.splits[row]])
        assert part.labels[found.indices[row]] == found.labels[row]
        assert found.probabilities[row, found.labels[row]] == 1


def test_the_labels_that_go_with_images_are_their_own(monkeypatch):
    data, watched = numbered(), Watched(monkeypatch)
    held_out(data, ("train", "validation", "test"))
    label_of = {
        key: int(label)
        for part in (data.train, data.validation, data.test)
        for key, label in zip(keys(part), part.labels, strict=True)
    }
    for both in watched.rounds:
        for some in both:
            assert [label_of[key] for key in keys(some)] == some.labels.tolist()


def test_bounds_of_time_and_memory_hold(monkeypatch):
    data, watched = numbered(), Watched(monkeypatch)
    monkeypatch.setattr(module, "LEARNED", 20)
    monkeypatch.setattr(module, "HELD", 3 * 50)
    found = held_out(data)
    assert found is not None
    assert len(found.labels) == 50
    assert found.of == len(data.train) + len(data.validation)
    assert found.learned == 20
    assert all(len(learned) == 20 for learned, _ in watched.rounds)
    assert set(found.labels.tolist()) == {0, 1, 2}


def test_repeats_are_averaged_over_other_nets(monkeypatch):
    monkeypatch.setattr(module, "_epochs", lambda images: 2)
    data = numbered()
    both = held_out(data, quick=True, repeats=2)
    alone = [held_out(data, quick=True, seed=seed) for seed in (0, 1_000)]
    assert both is not None
    assert both.repeats == 2
    answers = [one.probabilities for one in alone if one is not None]
    assert len(answers) == 2
    assert np.abs(answers[0] - answers[1]).max() > 0.01
    np.testing.assert_allclose(both.probabilities, (answers[0] + answers[1]) / 2, rtol=1e-5, atol=1e-7)


def test_progress_is_told_in_steps_of_all_trainings(monkeypatch):
    monkeypatch.setattr("cnnlab.training.loop.STEP_INTERVAL_S", 0.0)
    monkeypatch.setattr(module, "_epochs", lambda images: 2)
    told = []
    held_out(numbered(), folds=4, quick=True, progress=lambda *where: told.append(where))
    assert {what for what, _, _ in told} == {module.JUDGING}
    *during, (_, done, total) = told
    assert done == total
    (steps,) = {total for _, _, total in during}
    assert steps % 4 == 0
    reported = [done for _, done, _ in during]
    assert reported == sorted(reported)
    assert reported == [step for step in range(1, steps) if step % (steps // 4)], "the last step of each tells nothing"


def test_a_net_learns_what_there_is_to_learn_and_the_random_state_stays():
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    images = rng.integers(0, 100, (120, 8, 8), dtype=np.uint8)
    images[labels == 1, :4] += 120
    data = data_of(images, labels)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    found = held_out(data, quick=True)
    assert torch.equal(torch.rand(3), expected)
    assert found is not None
    assert found.net == "mlp"
    assert found.accuracy > 0.95
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)
    again = held_out(data, quick=True)
    assert again is not None
    np.testing.assert_array_equal(again.probabilities, found.probabilities)
