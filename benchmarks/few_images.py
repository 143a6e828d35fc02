"""Measure what the default recipe makes of few images, and write it to results/few-images.json.

    CNNLAB_DATA=ROOT .venv/bin/python benchmarks/few_images.py --label after

Every row is SimpleCNN by the recipe `fast` with nothing else said, on `mnist-5k@N`: the same N training images for
every seed, which decides the weights at the start, the order of images and the shifts. Both splits are measured with
the weights of the best epoch by validation. A label's rows are replaced as a whole; other labels stay, so that another
checkout's `PYTHONPATH` can be measured beside this one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from statistics import mean
from typing import Any

import cnnlab
from cnnlab.config import NetSpec
from cnnlab.data.imageset import ImageSet, Split
from cnnlab.evaluation import logits
from cnnlab.nets import build_net
from cnnlab.runs.environment import environment
from cnnlab.training import RECIPES, recipe
from cnnlab.training.machine import resolve_device, resolve_precision

RESULTS = Path(__file__).parent.parent / "results" / "few-images.json"
SIZES = (50, 100, 200, 500, 1000, 2000, 4000)
NET = NetSpec(name="simple-cnn", options=RECIPES["fast"].net_options)


def main() -> None:
    """Measure all sizes and put them under their label."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--label", required=True, help="under which name the rows are kept")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to n-1 a size")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the record")
    chosen = parser.parse_args()
    device = resolve_device("auto")
    measured = {
        "seeds": chosen.seeds,
        "commit": _commit(),
        "environment": environment(device, resolve_precision("auto", device)).to_json(of_a_run=False),
        "rows": [_row(size, chosen.seeds) for size in SIZES],
    }
    record: dict[str, Any] = json.loads(chosen.out.read_text()) if chosen.out.exists() else {"labels": {}}
    record["command"] = "benchmarks/few_images.py --label LABEL"
    record["labels"][chosen.label] = measured
    chosen.out.write_text(json.dumps(record, indent=2) + "\n")


def _row(size: int, seeds: int) -> dict[str, Any]:
    data = cnnlab.load(f"mnist-5k@{size}")
    row: dict[str, Any] = {"images": size, "validation_accuracy": [], "test_accuracy": [], "train_time_s": []}
    for seed in range(seeds):
        net = build_net(NET, image_shape=data.image_shape, num_classes=len(data.classes), seed=seed)
        training = recipe("fast", net, data)
        trained = cnnlab.train(net, data, training, seed=seed)
        row |= {
            "epochs": training.epochs,
            "batch_size": training.batch_size,
            "steps": sum(epoch.steps for epoch in trained.epochs),
        }
        row["validation_accuracy"].append(_accuracy(trained, data, data.validation))
        row["test_accuracy"].append(_accuracy(trained, data, data.test))
        row["train_time_s"].append(trained.epochs[-1].train_time_s)
    print(
        f"{size:5} images: {row['epochs']:g} epochs, {row['steps']} steps; validation "
        f"{mean(row['validation_accuracy']):.2%}, test {mean(row['test_accuracy']):.2%}, "
        f"{mean(row['train_time_s']):.1f} s",
        flush=True,
    )
    return row


def _accuracy(trained: cnnlab.TrainedNet, data: ImageSet, split: Split) -> float:
    answers = logits(trained.net, split.images, mean=data.mean, std=data.std)
    return float((answers.argmax(dim=1) == split.labels).double().mean())


def _commit() -> str:
    """The commit of the checkout that cnnlab was imported from."""
    folder = Path(cnnlab.__file__).parent
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
