"""Handed-in nets are measured on images that the lesson does not show; what they claim counts for nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from tests.classroom.class_of_sixty import accuracy_of, net_of, opening, saved
from tests.trust import mutations

from cnnlab.classroom import measuring as measures
from cnnlab.classroom.hand_in import HandedRun, HandIn, NamedBytes
from cnnlab.classroom.measuring import LookedAt, Measuring
from cnnlab.classroom.settings import ClassSettings, begun
from cnnlab.classroom.withheld import WithheldImages, withheld_images
from cnnlab.data import load
from cnnlab.evaluation import wilson_interval
from cnnlab.runs.folder import data_record


@pytest.fixture(scope="module")
def settings() -> ClassSettings:
    return begun("Nets", withheld="mnist-5k")


@pytest.fixture(scope="module")
def withheld(settings: ClassSettings) -> WithheldImages:
    return withheld_images(settings, None)


def hand_in(*, weights: dict[str, bytes] | None = None, runs: dict[str, dict[str, bytes]] | None = None) -> HandIn:
    return HandIn(
        form="hand-in",
        is_edited=False,
        made_by="lesson page",
        cnnlab="0",
        student_id="",
        student_name="",
        saved="",
        weights=tuple(NamedBytes(name, data) for name, data in (weights or {}).items()),
        runs=tuple(HandedRun(name, files) for name, files in (runs or {}).items()),
    )


def one(withheld: WithheldImages, **handed: Any) -> LookedAt:
    (found,) = Measuring(withheld).nets(hand_in(**handed))
    return found


def said(**changes: Any) -> dict[str, Any]:
    return {
        "net": {"name": "mlp", "options": {"hidden": [16]}},
        "data": data_record(load("mnist-5k")).model_dump(mode="json"),
        "recipe": "lesson",
        "training": {},
        "seed": 0,
    } | changes


def run_files(**changes: Any) -> dict[str, bytes]:
    return {
        "config.json": json.dumps(said(**changes)).encode(),
        "model.safetensors": safetensors.torch.save(net_of(2)),
    }


def images_in(withheld: WithheldImages) -> set[bytes]:
    assert withheld.split is not None
    return {image.numpy().tobytes() for image in withheld.split.images}


def test_the_images_are_of_the_test_split_and_none_of_them_is_the_lesson_s(tmp_path):
    data = load("mnist-5k")
    some = torch.cat([(data.test.labels == label).nonzero().flatten()[:9] for label in range(10)])
    np.savez(tmp_path / "shown.npz", images=data.test.images[some, 0].numpy(), labels=data.test.labels[some].numpy())
    found = withheld_images(begun("Nets", withheld="mnist-5k"), f"npz:{tmp_path / 'shown.npz'}")
    everything = {image.numpy().tobytes() for image in data.test.images}
    assert images_in(found) == everything - {image.numpy().tobytes() for image in data.test.images[some]}
    assert found.says.startswith("410 images of mnist-5k's test split, none of which stands in npz:")
    for image, label in zip(found.split.images[:50], found.split.labels[:50], strict=True):
        (place,) = (data.test.images == image).flatten(1).all(dim=1).nonzero().flatten().tolist()
        assert data.test.labels[place] == label


def test_they_are_drawn_evenly_over_classes_by_the_class_s_secret_alone():
    settings = begun("Nets", withheld="mnist-5k")
    fewer = settings.model_copy(update={"withheld": settings.withheld.model_copy(update={"images": 105})})
    found, again = withheld_images(fewer, None), withheld_images(fewer, None)
    counts = torch.bincount(found.split.labels).tolist()
    assert sum(counts) == 105
    assert set(counts) == {10, 11}
    assert torch.equal(found.split.images, again.split.images)
    other = withheld_images(fewer.model_copy(update={"secret": "0" * 64}), None)
    assert images_in(other) != images_in(found)


def test_where_there_are_none_it_says_why(settings):
    nowhere = withheld_images(
        settings.model_copy(update={"withheld": settings.withheld.model_copy(update={"data": None})}), None
    )
    assert "cnnlab class new --withheld DATA" in nowhere.says
    assert one(nowhere, weights={"a.safetensors": saved(net_of(1))}).net.says == nowhere.says
    assert "all of mnist-5k's test split stand in the lesson's data" in withheld_images(settings, "mnist-5k").says
    missing = settings.model_copy(update={"withheld": settings.withheld.model_copy(update={"data": "npz:/no.npz"})})
    assert withheld_images(missing, None).says.startswith("no withheld images: /no.npz does not exist")
    assert (
        "may stand in the lesson's data, npz:/no.npz, which is not here"
        in withheld_images(settings, "npz:/no.npz").says
    )


def test_accuracies_and_intervals_are_those_of_a_loop_of_its_own(withheld):
    found = one(withheld, weights={"mine.safetensors": saved(net_of(7), test_openings=[opening(0.3), opening(0.99)])})
    truth = accuracy_of(net_of(7), set())
    assert 0.5 < truth < 0.95
    net = found.net
    assert (net.name, net.net, net.accuracy, net.images, net.says) == ("mine.safetensors", "mlp", truth, 500, "")
    assert (net.low, net.high) == wilson_interval(round(truth * 500), 500)
    assert (net.claimed, found.openings) == (0.99, 2)


def test_a_run_is_measured_as_a_saved_file_is(withheld):
    files = run_files()
    files["test-openings.jsonl"] = b'{"when": "", "by": "cnnlab train"}\n\n{"when": "", "by": "cnnlab evaluate"}\n'
    split = {"accuracy": 0.875, "loss": 0.5, "accuracy_interval": [0.8, 0.9], "images": 500}
    result = {
        "run": "a",
        "parameters": 1,
        "train_time_s": 1.0,
        "epochs_run": 1,
        "best_epoch": 1,
        "validation": split,
        "test": split,
    }
    files["result.json"] = json.dumps(result).encode()
    found = one(withheld, runs={"mine": files})
    assert found.net.accuracy == accuracy_of(net_of(2), set())
    assert (found.net.claimed, found.openings) == (0.875, 2)
    saved_too = one(withheld, weights={"a.safetensors": saved(net_of(2))})
    assert saved_too.net.digest == found.net.digest


def test_each_set_of_weights_is_measured_once(withheld, monkeypatch):
    forward = []
    monkeypatch.setattr(measures, "net_with", lambda *args, **kwargs: forward.append(1) or NET_WITH(*args, **kwargs))
    measuring = Measuring(withheld)
    first = measuring.nets(
        hand_in(weights={"a.safetensors": saved(net_of(1)), "b.safetensors": saved(net_of(1), seed=9)})
    )
    second = measuring.nets(hand_in(weights={"c.safetensors": saved(net_of(1))}))
    assert [each.net.name for each in (*first, *second)] == ["a.safetensors", "c.safetensors"]
    assert first[0].net.accuracy == second[0].net.accuracy
    assert len(forward) == 1
    changed = {name: value + (value == value.max()) * 1e-3 for name, value in net_of(1).items()}
    (third,) = measuring.nets(hand_in(weights={"d.safetensors": saved(changed)}))
    assert third.net.digest != first[0].net.digest
    assert len(forward) == 2


NET_WITH = measures.net_with


def test_the_record_of_a_known_set_cannot_change_how_images_are_normalised(withheld):
    record = data_record(load("mnist-5k")).model_dump(mode="json") | {"mean": [0.9], "std": [0.001]}
    found = one(withheld, weights={"a.safetensors": saved(net_of(1), data=record)}).net
    assert found.accuracy == accuracy_of(net_of(1), set())
    assert found.says == "its record has another mean and deviation of mnist-5k than the data, whose are used"


def test_where_the_data_are_not_here_the_record_s_figures_are_used_and_said(withheld, monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path))
    record = data_record(load("mnist-5k")).model_dump(mode="json") | {"name": "mnist"}
    found = (
        Measuring(withheld, data_root=tmp_path)
        .nets(hand_in(weights={"a.safetensors": saved(net_of(1), data=record)}))[0]
        .net
    )
    assert found.accuracy == accuracy_of(net_of(1), set())
    assert found.says == "mean and deviation are those of its record, as mnist is not here"


def net(name: str, **options: Any) -> dict[str, Any]:
    return {"net": {"name": name, "options": options}}


RUN_IT = "to be run by you: cnnlab evaluate mine --data mnist-5k"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (net("mine.py:Net"), f"student's own code, which is not run here: {RUN_IT} --net mine/mine.py:Net"),
        (net("../a b.py:Net"), f"{RUN_IT} --net 'mine/a b.py:Net'"),
        (net("resnet"), "got the net 'resnet'; expected one of lenet5"),
        (net("lenet5"), "its weights do not fit lenet5"),
        (net("conv-net", widths=[256, 256], convs_per_block=4), f"too many to be measured here: {RUN_IT}"),
        (net("conv-net", hidden=10**12), "parameters on images of 1×28×28; expected at most"),
        ({"data": {"name": "folder:/home/ann/pictures"}}, f"data of its own, folder:/home/ann/pictures: {RUN_IT}"),
        ({"data": {"name": "npz:x.npz"}}, f"data of its own, npz:x.npz: {RUN_IT}"),
        ({"data": {"name": "mnist-5k+permuted-pixels"}}, "images that were changed, mnist-5k+permuted-pixels"),
        ({"data": {"image_shape": [1, 32, 32]}}, f"its images are 1×32×32, the withheld ones 1×28×28: {RUN_IT}"),
        ({"data": {"classes": list("abcdefghij")}}, f"its classes are others than those of mnist-5k: {RUN_IT}"),
        ({"seed": "x"}, "mine/config.json: seed: got 'x'"),
    ],
)
def test_what_is_not_measured_says_why_and_how_a_teacher_may_do_it(withheld, changes, says):
    if "data" in changes:
        changes = {"data": said()["data"] | changes["data"]}
    found = one(withheld, runs={"mine": run_files(**changes)}).net
    assert found.accuracy is found.low is found.high is None
    assert found.images == 0
    assert says in found.says
    assert "\n" not in found.says


def test_no_code_and_no_file_of_anybody_s_is_opened(withheld, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("open('ran', 'w')\nclass Net: pass\n")
    (tmp_path / "x.npz").write_bytes(b"PK")
    opened: list[str] = []
    monkeypatch.setattr(measures, "load", lambda name, **_: opened.append(name))
    for changes in (net("mine.py:Net"), {"data": said()["data"] | {"name": "npz:x.npz"}}):
        assert one(withheld, runs={"mine": run_files(**changes)}).net.accuracy is None
    assert not (tmp_path / "ran").exists()
    assert not opened


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38])
def test_weights_that_are_no_numbers_are_said_to_be(withheld, value):
    broken = net_of(1)
    broken["layers.4.weight"] = torch.full_like(broken["layers.4.weight"], value)
    net = one(withheld, weights={"a.safetensors": saved(broken)}).net
    assert net.accuracy is None
    assert "a.safetensors: " in net.says
    assert "NaN or infinite" in net.says


def test_damaged_files_and_missing_ones_are_said_to_be(withheld):
    whole = saved(net_of(1))
    for data in (
        b"",
        b"x",
        whole[:100],
        whole[:-1],
        b"\xff" * 9,
        safetensors.torch.save(net_of(1)),
        saved(net_of(1), steps=0),
    ):
        assert one(withheld, weights={"a.safetensors": data}).net.says.startswith("a.safetensors")
    for missing in ("config.json", "model.safetensors"):
        files = run_files()
        del files[missing]
        assert one(withheld, runs={"mine": files}).net.says.startswith("mine")


def test_whatever_is_damaged_ends_in_a_figure_or_a_line(withheld):
    draw, measuring, figures = Random(0), Measuring(withheld), 0
    whole = saved(net_of(1))
    for _ in range(30):
        files = run_files()
        files["config.json"] = mutations.mutate_json(draw, [files["config.json"]])
        files["result.json"] = mutations.mutate_json(draw, [b'{"run": "a", "test": {"accuracy": 0.5}}'])
        weights = {"a.safetensors": mutations.mutate_safetensors(draw, [whole])}
        for found in measuring.nets(hand_in(weights=weights, runs={"mine": files})):
            figures += found.net.accuracy is not None
            assert found.net.accuracy is not None or found.net.says
            assert "\n" not in found.net.says
    assert 0 < figures < 60


def test_more_nets_than_anybody_hands_in_are_named_and_not_measured(withheld):
    weights = {f"{number}.safetensors": saved(net_of(number)) for number in range(20)}
    found = Measuring(withheld).nets(hand_in(weights=weights, runs={"mine": run_files()}))
    assert len(found) == 21
    assert [each.net.accuracy is None for each in found] == [False] * 20 + [True]
    assert "more than 20 nets" in found[-1].net.says


def test_every_net_of_the_lesson_s_is_measured(withheld, tmp_path):
    from cnnlab.config import NetSpec
    from cnnlab.nets import NETS, build_net

    for name in NETS:
        net = build_net(NetSpec(name=name), image_shape=(1, 28, 28), num_classes=10, seed=0)
        data = saved(net.state_dict(), net=name, options={})
        found = one(withheld, weights={"a.safetensors": data}).net
        assert found.accuracy is not None, found
        assert replace(found, accuracy=None, low=None, high=None).images == 500
