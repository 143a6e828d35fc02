"""Measure how many wrong labels `cnnlab data DATA --check` finds, and write it to results/label_errors.json.

    .venv/bin/python -m benchmarks.label_errors [--data mnist-5k] [--quick]
    .venv/bin/python -m benchmarks.label_errors --published [--quick]

Of the training images 3 % get another label, drawn with a fixed seed. Of the list that comes of it: precision, the
share of it that was made wrong; recall, the share of those made wrong that is in it; and the precision of as many of
its first as were made wrong. `agrees`: with which share of all labels the nets agree.

--published: MNIST's own labels, those of the test split among them. The 15 test images of `PUBLISHED` are those that
at least three of five people did not call as they are labelled (Northcutt, Athalye, Mueller 2021, "Pervasive label
errors in test sets destabilize machine learning benchmarks"; github.com/cleanlab/label-errors, mturk/mnist_mturk.json
at commit 5457895: the entries whose `given` is below 3). It counts how many of them the list holds, and its first
hundred.

time_s is on the wall, cpu_s that of the process: on a machine that does other things, too, the second says more. Rows
of other data and nets stay in the record.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cnnlab.data import load
from cnnlab.data.imageset import ImageSet, Split
from cnnlab.inspection.inspecting import inspect
from cnnlab.runs.environment import environment
from cnnlab.training.machine import resolve_device, resolve_precision

RESULTS = Path(__file__).parent.parent / "results" / "label_errors.json"
SHARE, SEED = 0.03, 0
PUBLISHED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)


def with_wrong_labels(data: ImageSet) -> tuple[ImageSet, set[int]]:
    """The set with another label for `SHARE` of its training images, and which these are."""
    rng = np.random.default_rng(SEED)
    wrong = rng.choice(len(data.train), round(SHARE * len(data.train)), replace=False)
    labels = data.train.labels.clone()
    moved = torch.from_numpy(rng.integers(1, len(data.classes), len(wrong)))
    labels[wrong] = (labels[wrong] + moved) % len(data.classes)
    return replace(data, train=Split(data.train.images, labels)), set(wrong.tolist())


def injected(data: ImageSet, quick: bool) -> dict[str, Any]:
    """Spoil labels, and see which are found."""
    spoilt, wrong = with_wrong_labels(data)
    found, took = timed(spoilt, quick=quick, test_labels=False)
    assert found.labels is not None
    assert found.labels.found == len(found.labels.suspects)
    hits = [one.place.split == "train" and one.place.index in wrong for one in found.labels.suspects]
    return {
        "kind": "injected",
        "wrong": len(wrong),
        "precision": sum(hits) / len(hits),
        "recall": sum(hits) / len(wrong),
        "precision_of_as_many": sum(hits[: len(wrong)]) / len(wrong),
    } | took


def published(data: ImageSet, quick: bool) -> dict[str, Any]:
    """See which of the published errors are found."""
    found, took = timed(data, quick=quick, test_labels=True)
    assert found.labels is not None
    places = [(one.place.split, one.place.index) for one in found.labels.suspects]
    held = [("test", index) in places for index in PUBLISHED]
    of_test = [index for split, index in places if split == "test"]
    return {
        "kind": "published",
        "published": len(PUBLISHED),
        "in_the_list": sum(held),
        "found_of_test": len(of_test),
        "in_the_first_100_of_test": len(set(of_test[:100]) & set(PUBLISHED)),
        "missed": [index for index, is_held in zip(PUBLISHED, held, strict=True) if not is_held],
    } | took


def timed(data: ImageSet, *, quick: bool, test_labels: bool) -> tuple[Any, dict[str, Any]]:
    """The findings on a set, and what they took."""
    started, spent = time.perf_counter(), time.process_time()
    found = inspect(data, quick=quick, test_labels=test_labels)
    labels = found.labels
    assert labels is not None
    return found, {
        "net": labels.net,
        "judged": labels.judged,
        "found": labels.found,
        "agrees": labels.accuracy,
        "time_s": round(time.perf_counter() - started, 1),
        "cpu_s": round(time.process_time() - spent, 1),
    }


def main() -> None:
    """Measure one row and write it into the record."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", default="mnist-5k")
    parser.add_argument("--quick", action="store_true", help="judge by LeNet-5 instead of SimpleCNN")
    parser.add_argument("--published", action="store_true", help="MNIST's own labels against the published list")
    chosen = parser.parse_args()
    data = load("mnist" if chosen.published else chosen.data)
    row = {"data": data.name} | (published if chosen.published else injected)(data, chosen.quick)
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rows": []}
    same = ("data", "kind", "net")
    rows = [each for each in record["rows"] if [each[key] for key in same] != [row[key] for key in same]]
    device = resolve_device("auto")
    here = environment(device, resolve_precision("auto", device))
    record = {
        "share": SHARE,
        "seed": SEED,
        "environment": here.to_json(of_a_run=False),
        "rows": sorted([*rows, row], key=lambda each: [str(each[key]) for key in same]),
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
