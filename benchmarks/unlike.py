"""Measure how many images of other things are called like nothing a net was trained on: results/unlike.json.

    CNNLAB_DATA=ROOT .venv/bin/python -m benchmarks.unlike --runs FOLDER

LeNet-5 (3 epochs) and SimpleCNN (1 epoch) by the recipe `fast`, on MNIST and on Fashion-MNIST, seeds 0 to 2; finished
runs in FOLDER, and rows that the record has of them, are taken as they are. Of each net: the share of images called
unlike at 1 % false alarms, and the area under the ROC curve against its own test images, by what `predict` uses and by
single scores beside it. Each is ranked among the same validation images.

The method, its numbers of neighbours and components and the measure of a spread were chosen on seed 0, by all of these
kinds; of the other seeds nothing was looked at before.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from cnnlab.data import load
from cnnlab.data.imageset import ImageSet
from cnnlab.evaluation import evaluate
from cnnlab.features.penultimate import answers_and_features
from cnnlab.features.unlike import FALSE_ALARMS, MEASURED, SPREAD_BY, fit
from cnnlab.runs import open_run
from cnnlab.runs.environment import environment

RESULTS = Path(__file__).parent.parent / "results" / "unlike.json"
NETS = {"lenet5": 3, "simple-cnn": 1}
SETS = ("mnist", "fashion-mnist")
#: Of the test images every second is taken.
EVERY = 2
#: Capitals but those that may pass for a digit: B 8, G 6, I 1, O 0, Q 0, S 5, Z 2, and A, D, T, L, which are 4, 0, 7, 1
#: in some hands.
LETTERS = "CEFHJKMNPRUVWXY"


def main() -> None:
    """Train what is not there, measure all nets, write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--runs", type=Path, required=True, help="folder of the trained runs, made where it is not there"
    )
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to n-1 a net")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the record")
    chosen = parser.parse_args()
    sets = {name: load(name) for name in SETS}
    rows = json.loads(chosen.out.read_text())["rows"] if chosen.out.exists() else []
    for net, name, seed in product(NETS, SETS, range(chosen.seeds)):
        which = {"net": net, "data": name, "seed": seed}
        if any(row | which == row for row in rows):
            continue
        path = chosen.runs / f"{net}-{name}-{seed}"
        _train(path, net, name, seed)
        rows.append(which | _measured(path, sets, name))
        print(json.dumps(rows[-1]), flush=True)
        record = {
            "command": "python -m benchmarks.unlike --runs FOLDER",
            "false_alarms": FALSE_ALARMS,
            "epochs": NETS,
            "letters": LETTERS,
            "fonts": [path.stem for path in _fonts()],
            "environment": environment(torch.device("cpu"), torch.float32).to_json(of_a_run=False),
            "rows": rows,
        }
        chosen.out.write_text(json.dumps(record, indent=2) + "\n")


def _train(path: Path, net: str, data: str, seed: int) -> None:
    if not (path / "result.json").exists():
        how = ["--data", data, "--epochs", NETS[net], "--seed", seed, "--out", path]
        subprocess.run([sys.executable, "-m", "cnnlab", "train", net, *map(str, how)], check=True)


def _measured(path: Path, sets: dict[str, ImageSet], name: str) -> dict[str, Any]:
    run, data = open_run(path), sets[name]
    net, by = run.load_net(), {"mean": data.mean, "std": data.std}
    fitted = fit(net, data)
    validation = data.validation.evenly_spaced(MEASURED).images
    ranked = validation[torch.arange(len(validation)) % SPREAD_BY != 0]
    kinds = {"ranked": ranked} | outliers(data, sets[next(other for other in SETS if other != name)])
    answers, scores = {}, {}
    for kind, images in kinds.items():
        answers[kind], features = answers_and_features(net, images, **by)
        scores[kind] = fitted.scores_of(answers[kind], features, images)
    methods = {"all three": {kind: fitted.sums_of(found) for kind, found in scores.items()}}
    for i, score in enumerate(fitted.score_names):
        methods[score] = {kind: found[:, i] for kind, found in scores.items()}
    methods["softmax"] = {kind: _least_sure(found) for kind, found in answers.items()}
    labels = data.test.labels[::EVERY]
    plain = evaluate(answers["own test"], labels, classes=data.classes)
    calibrated = evaluate(answers["own test"].double() / fitted.temperature, labels, classes=data.classes)
    return {
        "accuracy": plain.accuracy,
        "temperature": fitted.temperature,
        "ece": plain.ece,
        "ece_calibrated": calibrated.ece,
        "mean_probability": {kind: float(-methods["softmax"][kind].mean()) for kind in kinds if kind != "ranked"},
        "found": {method: _shares(of) for method, of in methods.items()},
        "auroc": {
            method: {kind: auroc(of["own test"], of[kind]) for kind in of if kind not in ("ranked", "own test")}
            for method, of in methods.items()
        },
    }


def _least_sure(answers: Tensor) -> Tensor:
    """The largest probability, below zero so that it is higher where the net is less sure (Hendrycks, Gimpel 2017)."""
    return -answers.double().softmax(dim=1).amax(dim=1)


def _shares(of: dict[str, Tensor]) -> dict[str, float]:
    """The share of each kind above the threshold that FALSE_ALARMS of images like the ranked ones pass."""
    ranks = of["ranked"].sort().values
    threshold = ranks[ceil((len(ranks) + 1) * (1 - FALSE_ALARMS)) - 1]
    return {kind: float((found > threshold).double().mean()) for kind, found in of.items() if kind != "ranked"}


def auroc(own: Tensor, others: Tensor) -> float:
    """How often one of the others is stranger than one of its own, ties counted half (0–1)."""
    ordered, count = own.double().sort().values, len(own)
    below = torch.searchsorted(ordered, others.double(), side="left")
    up_to = torch.searchsorted(ordered, others.double(), side="right")
    return float(((below + up_to).double() / 2 / count).mean())


def outliers(data: ImageSet, other: ImageSet) -> dict[str, Tensor]:
    """The own test images, and what is none of them: uint8 (N, 1, 28, 28), by kind."""
    draw = torch.Generator().manual_seed(0)
    some = data.test.images[::10]
    order = torch.randperm(some[0].numel(), generator=draw)
    gaussian = torch.randn(1000, *data.image_shape, generator=draw) * 64 + 128
    return {
        "own test": data.test.images[::EVERY],
        "the other set": other.test.images[::EVERY],
        "letters": letters(),
        "uniform noise": torch.randint(0, 256, (1000, *data.image_shape), generator=draw, dtype=torch.uint8),
        "gaussian noise": gaussian.clamp(0, 255).to(torch.uint8),
        "blanks": torch.arange(256, dtype=torch.uint8)[:, None, None, None].expand(-1, *data.image_shape).contiguous(),
        "inverted": 255 - some,
        "turned 90°": some.rot90(1, (2, 3)),
        "shuffled": some.flatten(1)[:, order].view(some.shape),
    }


def letters() -> Tensor:
    """LETTERS in every font, light on dark, fitted to 20×20 and centred in 28×28 by their box: uint8 (N, 1, 28, 28)."""
    found = []
    for path in _fonts():
        font = ImageFont.truetype(str(path), 80)
        for letter in LETTERS:
            large = Image.new("L", (160, 160))
            ImageDraw.Draw(large).text((80, 80), letter, fill=255, font=font, anchor="mm")
            box = large.crop(large.getbbox())
            scale = 20 / max(box.size)
            small = box.resize([max(1, round(side * scale)) for side in box.size], Image.Resampling.BOX)
            image = Image.new("L", (28, 28))
            image.paste(small, ((28 - small.width) // 2, (28 - small.height) // 2))
            found.append(np.array(image))
    return torch.from_numpy(np.stack(found))[:, None]


def _fonts() -> list[Path]:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return sorted(path for path in folder.glob("DejaVu*.ttf") if "Display" not in path.stem)


if __name__ == "__main__":
    main()
