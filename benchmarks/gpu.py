"""Training on a GPU, measured; writes results/gpu.json.

    CNNLAB_DATA=ROOT .venv/bin/python -m benchmarks.gpu [--out FILE]

On `mnist`, on the CUDA device that is there: the images a second of SimpleCNN and LeNet-5 by the recipe `fast`, steps
recorded as a graph (`cnnlab.training.graphed`) and one kernel after another, by turns; whole trainings of SimpleCNN,
each with its test accuracy, which is looked at once; and many seeds of one training, together in one program and one
after another. The stock notebook pipeline beside that is `cnnlab bench`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from torch import nn

from cnnlab import load
from cnnlab.config import NetSpec, Training
from cnnlab.data import ImageSet
from cnnlab.evaluation import logits
from cnnlab.nets import build_net
from cnnlab.runs.environment import environment
from cnnlab.training import batched, fit, loop, recipe, start
from cnnlab.training.batched import fit_together
from cnnlab.whole_files import write_whole

RESULTS = Path(__file__).parent.parent / "results" / "gpu.json"

#: Net and images in a step; rounds by turns, after one that warms up.
STEPS, ROUNDS = (("simple-cnn", 64), ("simple-cnn", 256), ("lenet5", 256)), 3

#: Epochs of whole trainings, each from so many seeds.
LENGTHS, SEEDS = (0.7, 1.0, 3.0), 5

#: Seeds of one training of an epoch, together.
TOGETHER = (1, 8, 64)


def main() -> None:
    """Measure all of it and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device on this machine; expected one to measure")
    data = load("mnist")
    state = start(_net("simple-cnn", data, 0), Training(precision="auto"), seed=0)
    record: dict[str, Any] = {
        "command": "python -m benchmarks.gpu",
        "environment": environment(state.device, state.dtype).to_json(of_a_run=False),
        "data": data.name,
        "rounds": ROUNDS,
    }
    parts = (("steps", _steps), ("trainings", _trainings), ("together", _together))
    for name, measure in parts:
        record[name] = measure(data)
        write_whole(given.out, (json.dumps(record, indent=1) + "\n").encode())


def _net(name: str, data: ImageSet, seed: int) -> nn.Module:
    options = {"dropout": 0.0} if name == "simple-cnn" else {}
    spec = NetSpec(name=name, options=options)
    return build_net(spec, image_shape=data.image_shape, num_classes=len(data.classes), seed=seed)


@contextmanager
def kernel_by_kernel() -> Generator[None]:
    """Inside, no step is recorded as a graph."""
    kept = loop.can_be_graphed
    loop.can_be_graphed = batched.can_be_graphed = lambda *_: False  # ty: ignore[invalid-assignment]
    try:
        yield
    finally:
        loop.can_be_graphed = batched.can_be_graphed = kept


def _rate(name: str, data: ImageSet, training: Training) -> float:
    state = start(_net(name, data, 0), training, seed=0)
    (record,) = fit(state, data, training)
    return training.epochs * len(data.train) / record.train_time_s


def _steps(data: ImageSet) -> list[dict[str, Any]]:
    """Images a second over half an epoch of whole images, by turns."""
    rows = []
    for name, batch in STEPS:
        training = recipe("fast", _net(name, data, 0), data, epochs=0.5, batch_size=batch, crop=None)
        rates: dict[str, list[float]] = {"graph": [], "kernel by kernel": []}
        for number in range(ROUNDS + 1):
            graph = _rate(name, data, training)
            with kernel_by_kernel():
                kernels = _rate(name, data, training)
            if number:
                rates["graph"].append(graph)
                rates["kernel by kernel"].append(kernels)
        ratio = median(one / other for one, other in zip(*rates.values(), strict=True))
        rows.append({"net": name, "batch_size": batch, "images_per_s": rates, "ratio": ratio})
        print(name, batch, {way: round(median(of_way)) for way, of_way in rates.items()}, f"{ratio:.2f}", flush=True)
    return rows


def _accuracy(net: nn.Module, data: ImageSet) -> float:
    answers = logits(net, data.test.images, mean=data.mean, std=data.std)
    return float((answers.argmax(dim=1) == data.test.labels).double().mean())


def _trainings(data: ImageSet) -> list[dict[str, Any]]:
    """Test accuracy after the last step, and the time in training steps."""
    rows = []
    for epochs in LENGTHS:
        found = []
        for seed in range(SEEDS):
            net = _net("simple-cnn", data, seed)
            training = recipe("fast", net, data, epochs=epochs)
            state = start(net, training, seed=seed)
            records = list(fit(state, data, training))
            found.append((_accuracy(net, data), records[-1].train_time_s))
        accuracies, times = ([each[i] for each in found] for i in (0, 1))
        rows.append({"epochs": epochs, "test_accuracy": accuracies, "train_time_s": times})
        print(epochs, f"{mean(accuracies):.2%}", f"{median(times):.2f} s", flush=True)
    return rows


def _together(data: ImageSet) -> list[dict[str, Any]]:
    """An epoch of so many seeds together; the ratio is to the rate of one alone, measured before and after."""
    rows = []
    for seeds in TOGETHER:
        nets = [_net("simple-cnn", data, seed) for seed in range(seeds)]
        training = recipe("fast", nets[0], data, epochs=1)
        before = _alone(data, training)
        states = [start(net, training, seed=seed) for seed, net in enumerate(nets)]
        started = time.perf_counter()
        for _ in fit_together(states, data, training):
            pass
        took = time.perf_counter() - started
        steps_s = sum(state.position.train_time_s for state in states)
        after = _alone(data, training)
        rate, alone = seeds * len(data.train) / steps_s, mean((before, after))
        rows.append(
            {
                "seeds": seeds,
                "batch_size": training.batch_size,
                "steps_s": steps_s,
                "whole_s": took,
                "images_per_s": rate,
                "alone_images_per_s": alone,
                "ratio": rate / alone,
                "test_accuracy": [_accuracy(net, data) for net in nets],
                "peak_bytes": torch.cuda.max_memory_allocated(),
            }
        )
        print(seeds, f"{rate:,.0f} images/s together, {alone:,.0f} alone", f"{rate / alone:.2f}", flush=True)
    return rows


def _alone(data: ImageSet, training: Training) -> float:
    return _rate("simple-cnn", data, training)


if __name__ == "__main__":
    main()
