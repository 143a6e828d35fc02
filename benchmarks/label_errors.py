"""Measure how many wrong labels `cnnlab data DATA --check` finds, and write it to results/label_errors.json.

    .venv/bin/python -m benchmarks.label_errors [--data mnist-5k] [--quick] [--repeats 3] [--epochs N] [--keep FOLDER]
    .venv/bin/python -m benchmarks.label_errors --published [--quick] [--repeats 3] [--epochs N] [--keep FOLDER]

Of the training images 3 % get another label, drawn with a fixed seed. Of both lists that come of it, `probable` and
`doubted` (see `Labels`): precision, the share of it that was made wrong; recall, the share of those made wrong that is
in it; and the precision of as many of the most suspicious as were made wrong. `agrees`: with which share of all labels
the nets agree.

--published: MNIST's own labels, those of the test split among them. The 15 test images of `PUBLISHED` are those that
at least three of five people did not call as they are labelled (Northcutt, Athalye, Mueller 2021, "Pervasive label
errors in test sets destabilize machine learning benchmarks"; github.com/cleanlab/label-errors, mturk/mnist_mturk.json
at commit 5457895: the entries whose `given` is below 3). It counts how many of them each list holds, and at which place
among the test images, the most suspicious first, each of them stands.

--repeats: the cross-validation is done again with other seeds, and probabilities are averaged; each number of repeats
up to this one gets a row. --epochs: of the nets that judge, in place of as many as the check gives them. --keep: what
nets answered is kept in FOLDER and read again. time_s is on the wall, cpu_s that of the process: on a machine that does
other things, too, the second says more. Other rows stay in the record.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from cnnlab.data import load
from cnnlab.data.imageset import ImageSet, Split
from cnnlab.inspection import held_out as judging
from cnnlab.inspection.confident import doubted, margins, suspects
from cnnlab.inspection.copies import SPLITS
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


def injected(probabilities: np.ndarray, places: np.ndarray, labels: np.ndarray, wrong: set[int]) -> dict[str, Any]:
    """How much of each list was made wrong. places: int64 (N, 2), an image's split and its index in it."""
    is_wrong = (places[:, 0] == 0) & np.isin(places[:, 1], list(wrong))
    first = np.argsort(margins(probabilities, labels), kind="stable")[: len(wrong)]
    row: dict[str, Any] = {"wrong": len(wrong), "precision_of_as_many": float(is_wrong[first].mean())}
    for name, listed in (("probable", suspects), ("doubted", doubted)):
        rows = listed(probabilities, labels)
        row[name] = {
            "listed": len(rows),
            "precision": float(is_wrong[rows].mean()) if len(rows) else None,
            "recall": float(is_wrong[rows].sum() / len(wrong)),
        }
    return row


def published(probabilities: np.ndarray, places: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Which of the published errors each list holds."""
    of_test = places[:, 0] == SPLITS.index("test")
    order = np.argsort(margins(probabilities, labels), kind="stable")
    order = places[order[of_test[order]], 1].tolist()
    row: dict[str, Any] = {"published": len(PUBLISHED), "places": {str(one): order.index(one) + 1 for one in PUBLISHED}}
    for name, listed in (("probable", suspects), ("doubted", doubted)):
        rows = listed(probabilities, labels)
        mine = places[rows[of_test[rows]], 1].tolist()
        row[name] = {"listed": len(rows), "of_test": len(mine), "published": len(set(mine) & set(PUBLISHED))}
    return row


def answers(
    data: ImageSet, names: tuple[str, ...], *, quick: bool, epochs: int | None, seed: int, kept: Path | None
) -> dict[str, Any]:
    """What nets answer to images that they did not learn, with the time that it took; read where it is kept."""
    if kept is not None and kept.exists():
        with np.load(kept) as arrays:
            return {name: arrays[name] for name in arrays.files}
    started, spent = time.perf_counter(), time.process_time()
    usual = judging._epochs
    with patch.object(judging, "_epochs", usual if epochs is None else lambda _: epochs):
        found = judging.held_out(data, names, quick=quick, seed=seed)
    assert found is not None
    arrays = {
        "p": found.probabilities,
        "labels": found.labels,
        "splits": found.splits,
        "indices": found.indices,
        "took": np.array([time.perf_counter() - started, time.process_time() - spent]),
    }
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, allow_pickle=False, **arrays)
    return arrays


def main() -> None:
    """Measure a row for each number of repeats, and write them into the record."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", default="mnist-5k")
    parser.add_argument("--quick", action="store_true", help="judge by LeNet-5 instead of SimpleCNN")
    parser.add_argument("--published", action="store_true", help="MNIST's own labels against the published list")
    parser.add_argument("--repeats", type=int, default=1, help="cross-validations whose answers are averaged")
    parser.add_argument("--epochs", type=int, help="of the nets that judge")
    parser.add_argument("--keep", type=Path, help="folder where nets' answers are kept")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the record")
    chosen = parser.parse_args()
    data, wrong = load("mnist" if chosen.published else chosen.data), set()
    if not chosen.published:
        data, wrong = with_wrong_labels(data)
    kind, net = ("published" if chosen.published else "injected"), ("lenet5" if chosen.quick else "simple-cnn")
    total, took = None, np.zeros(2)
    for repeat in range(chosen.repeats):
        name = f"{data.name}.{kind}.{net}.{chosen.epochs or 'usual'}.{repeat}.npz"
        found = answers(
            data,
            SPLITS if chosen.published else SPLITS[:2],
            quick=chosen.quick,
            epochs=chosen.epochs,
            seed=1000 * repeat,
            kept=chosen.keep / name if chosen.keep else None,
        )
        total = found["p"].astype(np.float64) + (0 if total is None else total)
        took += found["took"]
        probabilities, labels = (total / (repeat + 1)).astype(np.float32), found["labels"]
        places = np.stack([found["splits"], found["indices"]], axis=1)
        row = {
            "data": data.name,
            "kind": kind,
            "net": net,
            "epochs": chosen.epochs,
            "repeats": repeat + 1,
            "judged": len(labels),
            "agrees": float((probabilities.argmax(axis=1) == labels).mean()),
            "time_s": round(float(took[0]), 1),
            "cpu_s": round(float(took[1]), 1),
        }
        row |= (
            published(probabilities, places, labels)
            if chosen.published
            else injected(probabilities, places, labels, wrong)
        )
        keep(row, chosen.out)
        print(json.dumps(row), flush=True)


def keep(row: dict[str, Any], path: Path) -> None:
    """Write a row into the record, in place of one of the same kind."""
    record = json.loads(path.read_text()) if path.exists() else {"rows": []}
    same = ("kind", "data", "net", "epochs", "repeats")
    rows = [each for each in record["rows"] if [each[key] for key in same] != [row[key] for key in same]]
    device = resolve_device("auto")
    here = environment(device, resolve_precision("auto", device))
    record = {
        "share": SHARE,
        "seed": SEED,
        "environment": here.to_json(of_a_run=False),
        "rows": sorted([*rows, row], key=lambda each: [str(each[key]) for key in same]),
    }
    path.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
