"""Which way to train reaches most, on validation images alone; writes results/recipes.json.

    CNNLAB_DATA=ROOT .venv/bin/python -m benchmarks.recipes [TASK …] [--only VARIANT …] [--workers N] [--seconds S]
    CNNLAB_DATA=ROOT .venv/bin/python -m benchmarks.recipes --test

A task is a net, a data set and a length. In each, the recipe is varied one thing at a time, from several seeds; what
counts is the accuracy on the validation split after the last step, the mean over the seeds, against the recipe as it is
from the same seeds. Only when a variant is chosen, by --test, does it train from
seeds of its own and is measured on the test split. Runs are made seed by seed, so that a run of this program that is
ended after --seconds has as many of each; a record that is there is gone on with.

Besides what `cnnlab.config.Training` has: averages of the weights, each step (EMA) or every fifth (Lookahead: Zhang et
al. 2019), and answers that are averaged over the image and its four shifts by a pixel.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from benchmarks.gpu import kernel_by_kernel
from torch import Tensor, nn

from cnnlab import load
from cnnlab.config import NetSpec
from cnnlab.data import ImageSet, Split
from cnnlab.evaluation import logits
from cnnlab.nets import build_net
from cnnlab.runs.environment import environment
from cnnlab.training import fit, recipe, start
from cnnlab.training.machine import keep_freed_memory, resolve_device, resolve_precision
from cnnlab.whole_files import write_whole

RESULTS = Path(__file__).parent.parent / "results" / "recipes.json"

STILL = {"shift": 0, "flip": False, "erase": 0, "rotate_degrees": 0.0, "scale": 0.0}


def _moved(**changes: Any) -> dict[str, Any]:
    return {"augmentation": STILL | changes}


DECAY = {"optimizer": "adamw", "weight_decay": 0.05}

#: Of all tasks. rate: times the recipe's learning rate.
EVERYWHERE: dict[str, dict[str, Any]] = {
    "as it is": {},
    "rate 0.5 ×": {"rate": 0.5},
    "rate 2 ×": {"rate": 2.0},
    "no smoothing": {"label_smoothing": 0.0},
    "smoothing 0.05": {"label_smoothing": 0.05},
    "smoothing 0.2": {"label_smoothing": 0.2},
    "decay 0.05": DECAY,
    "β₂ 0.95": {"betas": (0.9, 0.95)},
    "EMA 0.98": {"ema": 0.98},
}

#: Of short runs.
SHORT = EVERYWHERE | {
    "batch 128": {"batch_size": 128},
    "batch 256, rate 2 ×": {"batch_size": 256, "rate": 2.0},
    "warm-up 0.1": {"warmup": 0.1},
    "warm-up 0.4": {"warmup": 0.4},
    "β₁ 0.8": {"betas": (0.8, 0.99)},
    "shift 1": _moved(shift=1),
    "Lookahead 5, 0.5": {"lookahead": 0.5},
}

CROPPED = {
    "no crop": {"crop": None},
    "crop for 0.5": {"crop": 20, "crop_share": 0.5},
    "crop for 0.9": {"crop": 20, "crop_share": 0.9},
}

#: Of MNIST's long runs.
LONG = EVERYWHERE | {
    "batch 64": {"batch_size": 64},
    "no crop": {"crop": None},
    "shift 2": _moved(shift=2),
    "shift 1, turn 8°, scale 0.08": _moved(shift=1, rotate_degrees=8.0, scale=0.08),
    "shift 1, erase 6": _moved(shift=1, erase=6),
    "dropout 0.2": {"dropout": 0.2},
}

#: What garments begin from: they may be mirrored, and their middle is enough to begin with.
GARMENT = {
    "learning_rate": 0.01,
    "rate": 0.5,
    "label_smoothing": 0.05,
    "crop": 20,
    "crop_share": 0.5,
    "batch_size": 128,
} | _moved(flip=True)

GARMENTS = {
    "as it is": {},
    "the recipe for digits": {"rate": 1.0, "label_smoothing": 0.1, "crop": None} | _moved(shift=1),
    "no crop": {"crop": None},
    "crop for 0.8": {"crop_share": 0.8},
    "shift 1, flip": _moved(shift=1, flip=True),
    "flip, erase 8": _moved(flip=True, erase=8),
    "dropout 0.3": {"dropout": 0.3},
    "rate 0.25 ×": {"rate": 0.25},
    "rate 1 ×": {"rate": 1.0},
    "no smoothing": {"label_smoothing": 0.0},
    "smoothing 0.1": {"label_smoothing": 0.1},
    "batch 64": {"batch_size": 64},
    "batch 256": {"batch_size": 256},
    "decay 0.05": DECAY,
    "β₂ 0.95": {"betas": (0.9, 0.95)},
    "EMA 0.98": {"ema": 0.98},
}

#: What is better alone, together.
LENET_TOGETHER = {
    "rate 2 ×, warm-up 0.1": {"rate": 2.0, "warmup": 0.1},
    "rate 2 ×, warm-up 0.1, decay 0.05": {"rate": 2.0, "warmup": 0.1} | DECAY,
    "rate 2 ×, smoothing 0.2": {"rate": 2.0, "label_smoothing": 0.2},
    "rate 3 ×": {"rate": 3.0},
}
GARMENTS_TOGETHER = {
    "batch 64, β₂ 0.95": {"batch_size": 64, "betas": (0.9, 0.95)},
    "batch 64, no crop": {"batch_size": 64, "crop": None},
    "batch 64, rate 1 ×": {"batch_size": 64, "rate": 1.0},
}
GARMENTS_LONG = {
    "no crop, shift 1, flip": {"crop": None} | _moved(shift=1, flip=True),
    "shift 1, flip, dropout 0.2": {"dropout": 0.2} | _moved(shift=1, flip=True),
}

#: What the recipe `best` begins from, and its variants.
BY_MUON = {"recipe": "best", "optimizer": "muon", "learning_rate": 0.01}
BEST: dict[str, dict[str, Any]] = {
    "as it is": {},
    "Adam": {"optimizer": "adam"},
    "rate 0.5 ×": {"rate": 0.5},
    "Adam, rate 0.5 ×": {"optimizer": "adam", "rate": 0.5},
    "momentum 0.95": {"momentum": 0.95},
    "batch 64": {"batch_size": 64},
    "decay 0.1": {"weight_decay": 0.1},
}

#: What `fast` begins from on garments by Muon, and its variants.
GARMENT_BY_MUON = {"optimizer": "muon", "learning_rate": 0.01, "batch_size": 128}
GARMENTS_BY_MUON: dict[str, dict[str, Any]] = {
    "as it is": {},
    "Adam": {"optimizer": "adam", "rate": 0.5, "batch_size": 64},
    "rate 0.5 ×": {"rate": 0.5},
    "batch 64, rate 0.5 ×": {"batch_size": 64, "rate": 0.5},
    "momentum 0.95": {"momentum": 0.95},
}


def _some(variants: dict[str, dict[str, Any]], *names: str) -> dict[str, dict[str, Any]]:
    return {name: variants[name] for name in ("as it is", *names)}


#: Task → net, data, epochs, what differs from `fast` in all of its runs (its rates as they were), and the variants.
TASKS: dict[str, tuple[str, str, float, dict[str, Any], dict[str, dict[str, Any]]]] = {
    "simple-cnn, mnist, 0.7": ("simple-cnn", "mnist", 0.7, {"learning_rate": 0.01}, SHORT | CROPPED),
    "lenet5, mnist, 1": ("lenet5", "mnist", 1, {"learning_rate": 0.005}, SHORT | LENET_TOGETHER),
    "lenet5, mnist, 4": ("lenet5", "mnist", 4, {"learning_rate": 0.005}, _some(SHORT, "rate 2 ×") | LENET_TOGETHER),
    "simple-cnn, fashion-mnist, 2": (
        "simple-cnn",
        "fashion-mnist",
        2,
        GARMENT,
        _some(GARMENTS, "batch 64", "the recipe for digits") | GARMENTS_TOGETHER,
    ),
    "simple-cnn, fashion-mnist, 3": ("simple-cnn", "fashion-mnist", 3, GARMENT, GARMENTS | GARMENTS_TOGETHER),
    "simple-cnn, mnist, 8": ("simple-cnn", "mnist", 8, {"learning_rate": 0.01}, LONG),
    "simple-cnn, fashion-mnist, 8": ("simple-cnn", "fashion-mnist", 8, GARMENT, GARMENTS),
    "simple-cnn, fashion-mnist, 12": (
        "simple-cnn",
        "fashion-mnist",
        12,
        GARMENT,
        _some(GARMENTS, "the recipe for digits", "shift 1, flip") | GARMENTS_LONG,
    ),
    "best: simple-cnn, mnist, 8": ("simple-cnn", "mnist", 8, BY_MUON, BEST),
    "best: simple-cnn, fashion-mnist, 8": ("simple-cnn", "fashion-mnist", 8, BY_MUON, BEST),
    "best: lenet5, mnist, 8": ("lenet5", "mnist", 8, BY_MUON, BEST),
    "fast: simple-cnn, fashion-mnist, 2": ("simple-cnn", "fashion-mnist", 2, GARMENT_BY_MUON, GARMENTS_BY_MUON),
    "fast: simple-cnn, fashion-mnist, 3": ("simple-cnn", "fashion-mnist", 3, GARMENT_BY_MUON, GARMENTS_BY_MUON),
    "fast: lenet5, fashion-mnist, 3": ("lenet5", "fashion-mnist", 3, GARMENT_BY_MUON, GARMENTS_BY_MUON),
}

#: Seeds of the trainings that open the test split.
TEST_SEEDS = range(100, 105)

#: What is done besides a training's own fields.
EXTRAS = ("recipe", "ema", "lookahead", "dropout", "rate")


def main() -> None:
    """Train what is not in the record yet, as long as there is time, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--only", nargs="+", metavar="VARIANT")
    parser.add_argument("--test", action="store_true", help="of each task, the best variant so far")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    ends = time.monotonic() + given.seconds
    device = resolve_device("auto")
    before = json.loads(given.out.read_text()) if given.out.exists() else {}
    record: dict[str, Any] = {
        "command": "python -m benchmarks.recipes",
        "environment": environment(device, resolve_precision("auto", device)).to_json(of_a_run=False),
        "runs": before.get("runs", []),
        "tests": before.get("tests", []),
    }
    tasks = given.tasks or list(TASKS)
    if given.test:
        best = {row["task"]: row["variant"] for row in reversed(_rows(record["runs"])) if row["n"] >= 2}
        jobs = [(task, best[task], seed) for seed, task in itertools.product(TEST_SEEDS, tasks) if task in best]
    else:
        jobs = [
            (task, variant, seed)
            for seed, task in itertools.product(range(given.seeds), tasks)
            for variant in (TASKS[task][4] if given.only is None else given.only)
            if variant in TASKS[task][4]
        ]
    made = record["tests" if given.test else "runs"]
    there = {(run["task"], run["variant"], run["seed"]) for run in made}
    jobs = [job for job in jobs if job not in there]
    with ProcessPoolExecutor(given.workers, get_context("spawn"), _prepare) as pool:
        futures = [pool.submit(_run, *job, ends, given.test) for job in jobs]
        for number, future in enumerate(as_completed(futures), start=1):
            if (run := future.result()) is not None:
                made.append(run)
            if number % 20 == 0 or number == len(jobs):
                record["rows"] = _rows(record["runs"])
                write_whole(given.out, (json.dumps(record, indent=1) + "\n").encode())
    if given.test:
        for task in tasks:
            found = [run for run in made if run["task"] == task]
            if found:
                accuracies = [run["test_accuracy"] for run in found]
                print(task, found[0]["variant"], f"test {mean(accuracies):.3%}, n={len(found)}", sorted(accuracies))
        return
    for row in _rows(record["runs"]):
        print(_shown(row))


def _prepare() -> None:
    keep_freed_memory()
    torch.set_num_threads(1)


@cache
def _data(name: str) -> ImageSet:
    return load(name)


def _run(task: str, variant: str, seed: int, ends: float, is_test: bool = False) -> dict[str, Any] | None:
    """A training's figures on the validation split, or on the test split; None where its time is over."""
    if time.monotonic() > ends:
        return None
    name, data_name, epochs, common, variants = TASKS[task]
    data, changes = _data(data_name), common | variants[variant]
    options = {"dropout": changes.get("dropout", 0.0)} if name == "simple-cnn" else {}
    spec = NetSpec(name=name, options=options)
    net = build_net(spec, image_shape=data.image_shape, num_classes=len(data.classes), seed=seed)
    fields = {key: value for key, value in changes.items() if key not in EXTRAS}
    training = recipe(changes.get("recipe", "fast"), net, data, epochs=epochs, **fields)
    rate = training.learning_rate * changes.get("rate", 1.0)
    training = training.model_copy(update={"learning_rate": rate})
    state = start(net, training, seed=seed)
    averaged = _Average(net, state.optimizer, changes["ema"]) if "ema" in changes else None
    if "lookahead" in changes:
        _look_ahead(net, state.optimizer, changes["lookahead"])
    # a graph would repeat what Lookahead's Python decided once
    with kernel_by_kernel() if "lookahead" in changes else nullcontext():
        records = list(fit(state, data, training))
    if averaged is not None:
        averaged.put()
    split, name = (data.test, "test") if is_test else (data.validation, "validation")
    answers = _answers(net, data, split.images)
    moved = [_answers(net, data, split.images.roll(by, (2, 3))) for by in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    over_shifts = torch.stack([each.log_softmax(1) for each in (answers, *moved)]).mean(0)
    return {
        "task": task,
        "variant": variant,
        "seed": seed,
        f"{name}_accuracy": _right(answers, split),
        "over_shifts": _right(over_shifts, split),
        "batch_size": training.batch_size,
        "train_time_s": records[-1].train_time_s,
    }


def _answers(net: nn.Module, data: ImageSet, images: Tensor) -> Tensor:
    return logits(net, images, mean=data.mean, std=data.std)


def _right(answers: Tensor, split: Split) -> float:
    return float((answers.argmax(dim=1) == split.labels).double().mean())


class _Average:
    """The mean of a net's numbers over its last steps, with exponential weights."""

    def __init__(self, net: nn.Module, optimizer: torch.optim.Optimizer, decay: float) -> None:
        self._own = [value for value in net.state_dict().values() if value.is_floating_point()]
        self._mean = [value.detach().clone() for value in self._own]
        # Of a weight's first steps as many count as there are: the mean would be drawn to where it began.
        self._steps = torch.zeros((), device=self._own[0].device)

        def follow(*_: object) -> None:
            with torch.no_grad():
                self._steps.add_(1)
                weight = torch.clamp(1 / self._steps, min=1 - decay)
                for mean_of, value in zip(self._mean, self._own, strict=True):
                    mean_of.add_((value - mean_of) * weight)

        optimizer.register_step_post_hook(follow)

    def put(self) -> None:
        """Give the net the mean."""
        with torch.no_grad():
            for mean_of, value in zip(self._mean, self._own, strict=True):
                value.copy_(mean_of)


def _look_ahead(net: nn.Module, optimizer: torch.optim.Optimizer, share: float) -> None:
    """After every fifth step go back to `share` of the way that the five made."""
    own = list(net.parameters())
    slow = [value.detach().clone() for value in own]
    steps = itertools.count(1)

    def follow(*_: object) -> None:
        if next(steps) % 5 == 0:
            with torch.no_grad():
                for at, value in zip(slow, own, strict=True):
                    at.lerp_(value, share)
                    value.copy_(at)

    optimizer.register_step_post_hook(follow)


def _rows(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a task and variant: the mean over seeds, and how far it is from the task's recipe, from the same seeds."""
    of: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for run in runs:
        of.setdefault((run["task"], run["variant"]), {})[run["seed"]] = run
    rows = []
    for (task, variant), by_seed in of.items():
        found = {seed: run["validation_accuracy"] for seed, run in by_seed.items()}
        base = {seed: run["validation_accuracy"] for seed, run in of.get((task, "as it is"), {}).items()}
        gains = [found[seed] - base[seed] for seed in found if seed in base]
        rows.append(
            {
                "task": task,
                "variant": variant,
                "n": len(found),
                "validation_accuracy": mean(found.values()),
                "gain": mean(gains) if gains else None,
                "gain_error": stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else None,
                "over_shifts": mean(run["over_shifts"] for run in by_seed.values()),
                "batch_size": next(iter(by_seed.values()))["batch_size"],
            }
        )
    return sorted(rows, key=lambda row: (row["task"], -row["validation_accuracy"]))


def _shown(row: dict[str, Any]) -> str:
    gain = "" if row["gain"] is None else f"{100 * row['gain']:+.3f}"
    error = "" if row["gain_error"] is None else f" ± {100 * row['gain_error']:.3f}"
    means = f"{row['validation_accuracy']:.3%} {gain}{error}, over shifts {row['over_shifts']:.3%}"
    return f"{row['task']:16} {row['variant']:30} n={row['n']} batch {row['batch_size']} {means}"


if __name__ == "__main__":
    main()
