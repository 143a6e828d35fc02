"""Seeds of one training together in one program, against one after another. Writes results/batched.json.

    .venv/bin/python -m benchmarks.batched [cpu|cuda]

SimpleCNN by the lesson's recipe, batches of 64 of mnist-5k, on the device that is there unless named: for 1, 2, 4 and 8
seeds the images a second of all together, by `fit_together` and by `fit` for each seed in turn, in interleaved rounds
after one round to warm up. Timed are training steps alone, as the loops count them. The pool of processes stands beside
them where the device is the CPU: `benchmarks/engines.py`.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from statistics import median
from typing import cast

from torch import nn

from cnnlab.config import Device, NetSpec, Training
from cnnlab.data import ImageSet, Split, load
from cnnlab.nets import build_net
from cnnlab.runs.environment import environment
from cnnlab.runs.folder import write_json
from cnnlab.training import fit, start
from cnnlab.training.batched import fit_together
from cnnlab.training.machine import keep_freed_memory, resolve_device

RESULTS = Path(__file__).parent.parent / "results" / "batched.json"
ROUNDS, SEEDS = 3, (1, 2, 4, 8)

#: Images of an epoch: a GPU is through with few before it is warm.
IMAGES = {"cpu": 320, "cuda": 4000, "mps": 4000}


def main() -> None:
    """Measure every number of seeds both ways and write the record."""
    keep_freed_memory()
    device = resolve_device(cast("Device", sys.argv[1] if len(sys.argv) > 1 else "auto"))
    images = IMAGES[device.type]
    data = load(f"mnist-5k@{images}")
    few = Split(data.validation.images[:50], data.validation.labels[:50])  # measuring is not timed
    data = dataclasses.replace(data, validation=few)
    training = Training(epochs=1, device=cast("Device", device.type))
    rows = []
    for seeds in SEEDS:
        rates: dict[str, list[float]] = {"together": [], "alone": []}
        for round_number in range(ROUNDS + 1):
            together, alone = _together(seeds, data, training), _alone(seeds, data, training)
            if round_number:
                rates["together"].append(seeds * images / together)
                rates["alone"].append(seeds * images / alone)
        ratio = median(one / other for one, other in zip(rates["together"], rates["alone"], strict=True))
        rows.append({"seeds": seeds, "images_per_s": rates, "ratio": ratio})
        print(f"{seeds} seeds: together {median(rates['together']):,.0f} images/s, ratio {ratio:.2f}")
    state = start(_net(0), training, seed=0)
    record = {
        "command": "python -m benchmarks.batched",
        "environment": environment(state.device, state.dtype).to_json(of_a_run=False),
        "rounds": ROUNDS,
        "images": images,
        "batch_size": training.batch_size,
        "rows": rows,
    }
    write_json(RESULTS, record)


def _net(seed: int) -> nn.Module:
    return build_net(NetSpec(name="simple-cnn"), image_shape=(1, 28, 28), num_classes=10, seed=seed)


def _together(seeds: int, data: ImageSet, training: Training) -> float:
    """Seconds of all training steps of all seeds."""
    states = [start(_net(seed), training, seed=seed) for seed in range(seeds)]
    for _ in fit_together(states, data, training):
        pass
    return sum(state.position.train_time_s for state in states)


def _alone(seeds: int, data: ImageSet, training: Training) -> float:
    """Seconds of all training steps of all seeds."""
    states = [start(_net(seed), training, seed=seed) for seed in range(seeds)]
    for state in states:
        for _ in fit(state, data, training):
            pass
    return sum(state.position.train_time_s for state in states)


if __name__ == "__main__":
    main()
