"""Tripwires of a comparison: other images under one name, another test set, an accuracy too good to be true."""

from __future__ import annotations

import dataclasses
import json

import pytest

from cnnlab import UserError, load
from cnnlab.config import NetSpec
from cnnlab.data.plausible import implausible
from cnnlab.experiments.compare import comparison, contestants, make_jobs, train_jobs
from cnnlab.experiments.engines import InProcess
from cnnlab.experiments.siblings import require_same_images
from cnnlab.experiments.variants import VARIANTS, own_variant
from cnnlab.runs import open_run
from cnnlab.runs.plan import Plan

PLAN = Plan(net=NetSpec(name="mlp"), data="mnist-5k@100", epochs=1)


def trained(folder, load_images, seeds=(0,)):
    found = contestants(PLAN, [VARIANTS["baseline"], own_variant("dropout=0.5")], seeds, load_images)
    jobs = make_jobs(found, folder, InProcess(), data_root=None)
    return found, jobs


def changed(name):
    """The same images with one training pixel changed, under the same name."""
    data = load(name)
    images = data.train.images.clone()
    images[0, 0, 0, 0] ^= 255
    return dataclasses.replace(data, train=dataclasses.replace(data.train, images=images), sha256="f" * 64)


def test_runs_of_other_images_with_the_same_name_are_set_apart_and_said(tmp_path):
    found, jobs = trained(tmp_path, load)
    queue = [job for one in jobs.values() for job in one]
    assert train_jobs(queue, InProcess()) == []
    assert comparison(found, jobs).warnings == ()
    after, again = trained(tmp_path, changed)
    assert not any(job.is_finished for one in again.values() for job in one)
    # As if they had been trained on the changed images.
    for mine, theirs in zip(queue, [job for one in again.values() for job in one], strict=True):
        for name in ("environment.json", "metrics.jsonl", "weights.safetensors", "result.json"):
            (theirs.path / name).write_bytes((mine.path / name).read_bytes())
    (warning,) = comparison(after, again).warnings
    assert "different images called mnist-5k@100" in warning
    assert "2 of SHA-256 ffffffffffff" in warning
    mixed = [open_run(queue[0].path), open_run(again["baseline"][0].path)]
    with pytest.raises(UserError, match="saw other images called mnist-5k@100"):
        require_same_images(mixed)


def test_a_variant_that_is_tested_on_other_images_is_refused(full_sets):
    def load_full(name):
        return load(name, root=full_sets)

    plan = PLAN.model_copy(update={"data": "mnist"})
    with pytest.raises(UserError, match="fashion-mnist is tested on other images than mnist"):
        contestants(plan, [VARIANTS["baseline"], own_variant("data=fashion-mnist")], (0,), load_full)
    assert contestants(plan, [VARIANTS["baseline"], own_variant("data=mnist+permuted-pixels")], (0,), load_full)


@pytest.mark.parametrize(
    ("name", "interval", "is_said"),
    [
        ("fashion-mnist", (0.988, 0.992), True),
        ("fashion-mnist@1000+permuted-pixels", (0.988, 0.992), True),
        ("fashion-mnist", (0.96, 0.98), False),  # part of the interval is plausible
        ("mnist", (0.993, 0.996), False),
        ("mnist-5k", (0.9924, 1.0), False),  # nobody has published one
        ("folder:photos+more", (1.0, 1.0), False),
    ],
)
def test_an_implausible_accuracy_is_said(name, interval, is_said):
    assert (implausible(name, interval) is not None) == is_said


def test_warnings_of_a_run_reach_the_comparison(tmp_path):
    found, jobs = trained(tmp_path, load)
    train_jobs([job for one in jobs.values() for job in one], InProcess())
    path = jobs["baseline"][0].path / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"warnings": ["too good to be true"]}))
    compared = comparison(found, jobs)
    assert compared.warnings == ("too good to be true",)
    assert compared.to_json()["warnings"] == ["too good to be true"]
